"""Which drive an administrator has."""

from imagehub_service.drives.drive import Drive


class Drives:
    """The drives of all administrators."""

    def for_account(self, account_id: int) -> Drive:
        """The drive of an administrator: OneDrive if it is configured, else the built-in drive, which all share."""
        raise NotImplementedError(account_id)

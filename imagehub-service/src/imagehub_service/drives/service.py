"""Which drive an administrator has."""

from imagehub_service.drives.drive import Drive


class Drives:
    """The drives of all administrators."""

    def __init__(self, built_in: Drive) -> None:
        self._built_in = built_in

    def for_account(self, account_id: int) -> Drive:  # noqa: ARG002 - all administrators share this one
        """The drive of an administrator."""
        return self._built_in

"""Which drive an administrator has."""

from imagehub_service.drives.drive import Drive
from imagehub_service.drives.onedrive.service import OneDrives


class Drives:
    """The drives of all administrators."""

    def __init__(self, built_in: Drive, onedrives: OneDrives | None = None) -> None:
        """`onedrives` is None where OneDrive is not configured."""
        self._built_in = built_in
        self._onedrives = onedrives

    def for_account(self, account_id: int) -> Drive:
        """The drive of an administrator: an own OneDrive if it is configured, else the built-in drive, which all
        administrators share."""
        return self._built_in if self._onedrives is None else self._onedrives.for_account(account_id)

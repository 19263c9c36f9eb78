"""What can go wrong with drives. Each system that is shown on them says it in its own words."""

from typing import ClassVar, Self

from lightbox_shared.errors.sentences import Sentence


class DriveError(Exception):
    """The drive has not done what it was asked for. The text may be sent to the client."""

    code: ClassVar[str] = "drive-error"

    @property
    def sentence(self) -> Sentence:
        """The text with its own code, or else that of the class, whose description stands for no text."""
        text = str(self) or (type(self).__doc__ or "").partition("\n")[0]
        return text if isinstance(text, Sentence) else Sentence(self.code, text)


class ConsentNeeded(DriveError):
    """The account has not allowed the use of its drive, or not any more. `address` is the page where it can."""

    code = "consent-needed"

    def __init__(self, address: str) -> None:
        super().__init__("The use of the drive has to be allowed at Microsoft's page.")
        self.address = address


class NoSuchItem(DriveError):
    """There is no file or folder with this id."""

    code = "no-such-item"

    def __init__(self, message: str = "There is no file or folder with this id.") -> None:
        super().__init__(message)


class NameTaken(DriveError):
    """The folder has another item of this name already."""

    code = "name-taken"


class InvalidName(DriveError):
    """Files and folders can't have this name."""

    code = "invalid-name"


class FileTooLarge(DriveError):
    """The file is larger than the limit."""

    code = "file-too-large"

    @classmethod
    def of(cls, limit: int) -> Self:
        """With the number of bytes that files may have."""
        return cls(Sentence(cls.code, f"The file is larger than {limit:,} bytes.", bytes=limit))


class DriveFull(DriveError):
    """There is no room in the drive."""

    code = "drive-full"


class DriveUnavailable(DriveError):
    """The drive does not answer at the moment, or asks not to be called before `retry_after` seconds are over."""

    code = "drive-unavailable"

    def __init__(self, message: str = "The drive does not answer at the moment.", *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreadableAnswer(DriveError):
    """The drive has answered something that is not known."""

    code = "unreadable-answer"

    def __init__(self, message: str = "Microsoft Graph has answered something that is not known.") -> None:
        super().__init__(message)

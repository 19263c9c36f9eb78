"""What can go wrong with signing keys. None of it is caused by a request."""

from lightbox_shared.process.startup import StartupError


class WrongSecretKey(StartupError):
    """The stored keys are encrypted with another LIGHTBOX_SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__(
            "LIGHTBOX_SECRET_KEY is not the one that the stored signing keys were encrypted with. "
            "Start with the former one: without it, no token stays valid."
        )


class NoSigningKey(RuntimeError):
    """No key may sign at the moment: the table of signing keys is empty."""

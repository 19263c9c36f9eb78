"""What can go wrong with keys; none of it is the fault of a request."""


class WrongSecretKey(RuntimeError):
    """The stored keys were encrypted with another LIGHTBOX_SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__(
            "LIGHTBOX_SECRET_KEY is not the one that the stored signing keys were encrypted with. "
            "Start with the former one: without it, nobody's token stays valid."
        )


class NoSigningKey(RuntimeError):
    """No key may sign at the moment: the table is empty, or was emptied."""

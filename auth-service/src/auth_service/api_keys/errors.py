"""What can go wrong with API keys."""

from lightbox_shared.errors import Conflict, InvalidToken


class InvalidApiKey(InvalidToken):
    """No such key, or one that has expired, was revoked, or whose account is gone. Which of these is nobody's business;
    the code tells a gateway that it is the key, and not its own token, that was refused."""

    code = "invalid-api-key"


class TooManyApiKeys(Conflict):
    """An account has as many keys as it may have."""

    code = "too-many-api-keys"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An account has at most {limit} API keys. Revoke one that is not needed any more.")

"""What can go wrong with API keys."""

from lightbox_shared.errors import Conflict, InvalidToken
from lightbox_shared.errors.sentences import Sentence


class InvalidApiKey(InvalidToken):
    """There is no such key, it has expired or was revoked, or its account was deleted. The answer does not tell which.
    The code tells a gateway that the key was refused, and not the gateway's own token."""

    code = "invalid-api-key"


class TooManyApiKeys(Conflict):
    """The account has the largest number of API keys that it may have."""

    code = "too-many-api-keys"

    def __init__(self, limit: int) -> None:
        sentence = f"An account has at most {limit} API keys. Revoke one that is not needed any more."
        super().__init__(Sentence(self.code, sentence, most=limit))

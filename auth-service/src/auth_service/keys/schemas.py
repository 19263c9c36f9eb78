"""The body of the response with the public keys."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class PublicKey(BaseModel):
    """A public RSA key (RFC 7517, RFC 7518 section 6.3.1)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kty: Literal["RSA"]
    use: Literal["sig"]
    alg: Literal["RS256"]
    kid: str
    """The thumbprint of the key (RFC 7638); tokens name it in their header."""
    n: str
    """The modulus, in base64url."""
    e: str
    """The exponent, in base64url."""


class PublicKeys(BaseModel):
    """A JWK set (RFC 7517 section 5)."""

    keys: list[PublicKey]

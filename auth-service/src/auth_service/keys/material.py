"""RSA keys and their public form (RFC 7517). The id of a key is its thumbprint (RFC 7638)."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk
from jose.backends.base import Key

from lightbox_shared.auth.tokens import ALGORITHM

KEY_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is not stored yet."""

    kid: str
    pem: bytes
    public_jwk: dict[str, Any]


def generate() -> NewKey:
    """A new RSA key. Takes about 100 ms of a core."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = jwk.construct(pem, ALGORITHM).public_key().to_dict()
    kid = thumbprint(public)
    return NewKey(kid, pem, {**public, "kid": kid, "use": "sig"})


def parse(pem: bytes) -> Key:
    """The private key in a PEM, ready to sign."""
    return jwk.construct(pem, ALGORITHM)


def thumbprint(public_jwk: dict[str, Any]) -> str:
    """The thumbprint of RFC 7638 section 3: SHA-256 of the required members in lexicographic order, without blanks, in
    base64url."""
    members = {name: public_jwk[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

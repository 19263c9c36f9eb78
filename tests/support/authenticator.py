"""An authenticator in memory (WebAuthn section 6), which makes one passkey and signs with it what a test wants."""

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT_AND_VERIFIED, HAS_CREDENTIAL = 0x05, 0x40


@dataclass
class Authenticator:
    """`host` is that of the page; `client_data` is what the page adds to the client data."""

    host: str = "testserver"
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    client_data: dict[str, Any] = field(default_factory=dict)
    user_handle: str | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """`RegistrationResponseJSON` for options."""
        self.user_handle = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        credential = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + key
        data = self._data(PRESENT_AND_VERIFIED | HAS_CREDENTIAL) + credential
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("create", options["challenge"])
        return self._credential(clientDataJSON=client_data, attestationObject=attested)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """`AuthenticationResponseJSON` for options."""
        data, client_data = self._data(PRESENT_AND_VERIFIED), self._client_data("get", options["challenge"])
        signature = self.key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        handle = {} if self.user_handle is None else {"userHandle": base64url_to_bytes(self.user_handle)}
        return self._credential(clientDataJSON=client_data, authenticatorData=data, signature=signature, **handle)

    def _data(self, flags: int) -> bytes:
        return sha256(self.host.encode()).digest() + bytes([flags]) + bytes(4)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        own = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": f"http://{self.host}"}
        return json.dumps(own | self.client_data).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        text = bytes_to_base64url(self.credential_id)
        sent = {name: bytes_to_base64url(value) for name, value in response.items()}
        return {"id": text, "rawId": text, "type": "public-key", "response": sent}

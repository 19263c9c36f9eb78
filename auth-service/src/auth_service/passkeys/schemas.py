"""The bodies of requests and responses about passkeys. What goes to and comes from an authenticator has the JSON forms
of WebAuthn Level 3 (section 5.1), which browsers read and write themselves."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from auth_service.names import PrintableName
from auth_service.passkeys.models import Passkey
from lightbox_shared.auth.principal import Authority

MAX_TEXT: Final = 20_000


Base64Url = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[A-Za-z0-9_-]*$")]


class _FromBrowser(BaseModel):
    """An object of the browser, of which further members are ignored."""

    model_config = ConfigDict(use_attribute_docstrings=True, hide_input_in_errors=True)


class AttestationResponse(_FromBrowser):
    """`AuthenticatorAttestationResponseJSON`."""

    clientDataJSON: Base64Url  # noqa: N815 - the name of the standard
    attestationObject: Base64Url  # noqa: N815
    transports: Annotated[list[Annotated[str, StringConstraints(max_length=32)]], Field(max_length=16)] = []


class RegistrationCredential(_FromBrowser):
    """`RegistrationResponseJSON`: what `navigator.credentials.create()` has made."""

    id: Base64Url
    rawId: Base64Url  # noqa: N815
    type: str
    response: AttestationResponse


class AssertionResponse(_FromBrowser):
    """`AuthenticatorAssertionResponseJSON`."""

    clientDataJSON: Base64Url  # noqa: N815
    authenticatorData: Base64Url  # noqa: N815
    signature: Base64Url
    userHandle: Base64Url | None = None  # noqa: N815


class AuthenticationCredential(_FromBrowser):
    """`AuthenticationResponseJSON`: what `navigator.credentials.get()` has found."""

    id: Base64Url
    rawId: Base64Url  # noqa: N815
    type: str
    response: AssertionResponse


class PasskeyOptions(BaseModel):
    """The argument `publicKey` of `navigator.credentials.create()` or `.get()`, for
    `PublicKeyCredential.parseCreationOptionsFromJSON()` or `parseRequestOptionsFromJSON()`."""

    publicKey: dict[str, Any]  # noqa: N815


class NewPasskey(BaseModel):
    """A passkey to be registered."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: PrintableName
    """By which people tell their passkeys apart."""
    credential: RegistrationCredential


class PasskeyChanges(BaseModel):
    """Another name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "My phone"}]})

    name: PrintableName


class PasskeyAnswer(BaseModel):
    """The answer of an authenticator."""

    model_config = ConfigDict(extra="forbid")

    credential: AuthenticationCredential


class PasskeyBody(BaseModel):
    """A passkey."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    name: str
    transports: list[str]
    """How the authenticator is reached, as the browser said: `internal`, `usb`, `nfc`, `ble`, `hybrid`."""
    backed_up: bool
    """Whether it is on more than one device."""
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: Passkey) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            name=row.name,
            transports=row.transports,
            backed_up=row.backed_up,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
        )


class PasskeyList(BaseModel):
    """A page of passkeys."""

    passkeys: list[PasskeyBody]
    next_cursor: str | None


class PasskeySession(BaseModel):
    """A session that a passkey has opened. Its token is also in the session cookie."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    account_id: int
    authority: Authority
    access_token: str
    expires_in: int
    """Seconds."""

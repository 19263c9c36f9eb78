"""The two ceremonies of WebAuthn (Level 3, sections 7.1 and 7.2), by py_webauthn. It runs on what strangers send:
all that it raises means that the answer is not valid."""

import json
from collections.abc import Iterable
from typing import Any, Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from auth_service.passkeys.errors import UnusablePasskey, WrongPasskey
from auth_service.passkeys.relying_party import NAME, RelyingParty
from auth_service.passkeys.schemas import AuthenticationCredential, RegistrationCredential

TIMEOUT_SECONDS: Final = 300
MAX_CREDENTIAL_ID_BYTES: Final = 1023
"""As section 7.1 has it."""

_SELECTION: Final = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED,  # so that nobody has to type a name
    user_verification=UserVerificationRequirement.REQUIRED,
)


def registration_options(
    party: RelyingParty, *, challenge: bytes, user_handle: bytes, username: str, known: Iterable[bytes]
) -> dict[str, Any]:
    """The options for a new credential, of an authenticator that has none of those `known`."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=user_handle,
        user_name=username,
        challenge=challenge,
        timeout=TIMEOUT_SECONDS * 1000,
        authenticator_selection=_SELECTION,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
    )
    described: dict[str, Any] = json.loads(options_to_json(options))
    return described


def authentication_options(party: RelyingParty, *, challenge: bytes) -> dict[str, Any]:
    """The options for whichever credential there is for this host."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    described: dict[str, Any] = json.loads(options_to_json(options))
    return described


def challenge_of(credential: RegistrationCredential | AuthenticationCredential) -> bytes:
    """The challenge that an answer says to be for; b"" if it says none."""
    try:
        return parse_client_data_json(base64url_to_bytes(credential.response.clientDataJSON)).challenge
    except Exception:  # noqa: BLE001 - see the module
        return b""


def verify_registration(
    party: RelyingParty, credential: RegistrationCredential, challenge: bytes
) -> VerifiedRegistration:
    """The credential in an answer. Raises `UnusablePasskey`."""
    try:
        _check_unframed(credential)
        verified = verify_registration_response(
            credential=credential.model_dump(exclude_none=True),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:
        raise UnusablePasskey from error
    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        raise UnusablePasskey
    return verified


def verify_authentication(
    party: RelyingParty, credential: AuthenticationCredential, challenge: bytes, public_key: bytes
) -> VerifiedAuthentication:
    """What an answer says, after its signature was verified. The counter is left to the caller. Raises
    `WrongPasskey`."""
    try:
        _check_unframed(credential)
        return verify_authentication_response(
            credential=credential.model_dump(exclude_none=True),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        raise WrongPasskey from error


def _check_unframed(credential: RegistrationCredential | AuthenticationCredential) -> None:
    """Raises `ValueError` for an answer that a page has got within one of another origin: ours can't be framed."""
    client_data = json.loads(base64url_to_bytes(credential.response.clientDataJSON))
    if client_data.get("crossOrigin") or "topOrigin" in client_data:
        raise ValueError("The page was framed by one of another origin.")


def credential_id_of(credential: AuthenticationCredential) -> bytes:
    """The id of the credential. Raises `WrongPasskey` for one that can't be read."""
    try:
        return base64url_to_bytes(credential.id)
    except Exception as error:
        raise WrongPasskey from error


def user_handle_of(credential: AuthenticationCredential) -> bytes | None:
    """The user handle, which a discoverable credential has; None if there is none. Raises `WrongPasskey`."""
    handle = credential.response.userHandle
    try:
        return None if handle is None else base64url_to_bytes(handle)
    except Exception as error:
        raise WrongPasskey from error

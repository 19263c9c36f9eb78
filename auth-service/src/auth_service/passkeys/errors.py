"""What can go wrong with passkeys."""

from lightbox_shared.errors import Conflict, Forbidden, InvalidRequest, NotAuthenticated
from lightbox_shared.errors.sentences import Sentence


class NoPasskeysHere(Conflict):
    """A passkey belongs to the name of a host, and this one was reached by its address."""

    code = "no-passkeys-here"
    default_detail = "Passkeys need the name of a host: open the platform by one (on this machine, localhost)."


class WrongPasskey(NotAuthenticated):
    """The passkey is not known, its signature is wrong, or the challenge is not one of ours or was used."""

    code = "wrong-passkey"
    default_detail = "This passkey is not known here, or the answer of the authenticator is not valid."


class PasskeyAwaitsApproval(NotAuthenticated):
    """The passkey is right, and its account waits for approval."""

    code = "awaiting-approval"
    default_detail = "The account waits for approval."


class UnusablePasskey(InvalidRequest):
    """What the authenticator has sent is not a credential that can be registered."""

    code = "unusable-passkey"
    default_detail = "The answer of the authenticator is not valid, or came too late. Please try again."


class PasskeyKnown(Conflict):
    """The credential is registered already."""

    code = "passkey-known"
    default_detail = "This passkey is registered already."


class TooManyPasskeys(Conflict):
    """The account has the largest number of passkeys that it may have."""

    code = "too-many-passkeys"

    def __init__(self, limit: int) -> None:
        sentence = f"An account has at most {limit} passkeys. Delete one that is not needed any more."
        super().__init__(Sentence(self.code, sentence, most=limit))


class LastWayToSignIn(Conflict):
    """The account has no password, and this is its last passkey."""

    code = "last-way-to-sign-in"
    default_detail = "Without this passkey there would be no way to sign in: the account has no password."


class SignInTooOld(Forbidden):
    """The account has signed in too long ago for this."""

    code = "sign-in-too-old"
    default_detail = "Please sign in again to add a passkey."

"""Who may send pictures to the collections, and who may read them.

Where the collections are open (the default in development), a sender needs no credential. Where they take keys (the
default in production), a device has either an API key that is bound to its `deviceId`, or a security context of its own
(OSCORE, RFC 8613). A binding counts in both settings: a key of one device never sends or reads as another.

The rules are the same for HTTP and CoAP and know neither. Discovery (`/.well-known/core`, `/collections`) is public,
and deleting is for administrators alone, which its endpoints declare.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.errors import Forbidden, InsufficientScope, NotAuthenticated

SENDING_SCOPES: Final = frozenset({Scope.COLLECT})
READING_SCOPES: Final = frozenset({Scope.COLLECT, Scope.READ})
SENDING_AUTHORITIES: Final = frozenset({Authority.DOCTOR, Authority.EXPERT, Authority.ADMIN})


class Access(StrEnum):
    """How the collections are guarded; the values are those of the setting."""

    OPEN = "open"
    """Sending and reading need no credential."""
    KEYS = "keys"
    """Sending and reading need a credential."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that makes a request: the bearer of a token, a device that authenticated itself without an account, or
    an anonymous client."""

    access: Access
    principal: Principal | None = None
    """The bearer of the token, if there is one."""
    device_id: str | None = None
    """The device that authenticated itself without an account, if it did."""

    @classmethod
    def of_device(cls, access: Access, device_id: str) -> Self:
        """A device that CoAP has authenticated by OSCORE: it may send as itself and read its own pictures."""
        return cls(access, device_id=device_id)

    @classmethod
    def anonymous(cls, access: Access) -> Self:
        """A client without any credential."""
        return cls(access)

    @property
    def is_stranger(self) -> bool:
        """Whether the client has shown no credential, or only that of an account that nobody has approved."""
        if self.principal is not None:
            return self.principal.waits_for_approval
        return self.device_id is None

    @property
    def bound_to(self) -> str | None:
        """The only device that the caller may send and read as; None if it is not bound to one."""
        if self.device_id is not None:
            return self.device_id
        return None if self.principal is None else self.principal.device_id

    def check_may_send(self, device_id: str) -> None:
        """Raises `NotAuthenticated` or `Forbidden` unless the caller may send pictures as this device."""
        self._check_binding(device_id)
        if self.access is Access.OPEN or self.device_id is not None:
            return
        principal = self._principal_with(SENDING_SCOPES)
        if principal.service is not None:
            raise Forbidden("Services read the collection. They send nothing.")
        if principal.authority not in SENDING_AUTHORITIES:
            raise Forbidden("Only keys of doctors and administrators send pictures.")
        if principal.device_id is None and principal.authority is not Authority.ADMIN:
            raise Forbidden("To send pictures takes an API key that is bound to the device, or an administrator.")

    def check_may_read(self, device_id: str | None) -> None:
        """Raises `NotAuthenticated` or `Forbidden` unless the caller may see the pictures of this device. None stands
        for all devices, as in a list without `deviceId` or in the events of a collection."""
        self._check_binding(device_id)
        if self.access is Access.OPEN or self.device_id is not None:
            return
        principal = self._principal_with(READING_SCOPES)
        if principal.service is None and principal.authority is Authority.NONE:
            raise Forbidden("The account waits for approval.")

    def _check_binding(self, device_id: str | None) -> None:
        if self.bound_to is not None and self.bound_to != device_id:
            raise Forbidden(f'The key speaks for the device "{self.bound_to}" alone.')

    def _principal_with(self, scopes: frozenset[Scope]) -> Principal:
        """The bearer of a token that has no scopes, or one of these. Raises `NotAuthenticated` and
        `InsufficientScope`."""
        if self.principal is None:
            raise NotAuthenticated
        if self.principal.scopes is not None and self.principal.scopes.isdisjoint(scopes):
            raise InsufficientScope(*sorted(scopes))
        return self.principal

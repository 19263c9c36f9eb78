"""Who may send pictures to the collection, and who may read them.

Devices that can't keep a secret send in the open, where the collection is open (development). Where it takes keys
(production), a device has an API key of its own that is bound to its `deviceId`, or its own security context (OSCORE,
RFC 8613). A binding counts in both: whoever speaks for one device never speaks for another. The rules know neither
HTTP nor CoAP. Discovery (`/.well-known/core`, `/collections`) asks nobody, and deleting is for administrators alone:
the endpoint says so.

Endpoints that take a `Caller` need no `needs(Scope.COLLECT)` beside it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from fastapi import Depends, Request

from lightbox_shared.auth.dependencies import principal_of
from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.errors import Forbidden, InsufficientScope, NotAuthenticated

SEND: Final = frozenset({Scope.COLLECT})
READ: Final = frozenset({Scope.COLLECT, Scope.READ})
SENDERS: Final = frozenset({Authority.DOCTOR, Authority.ADMIN})


class Access(StrEnum):
    """How the collection is guarded; the values are those of the setting."""

    OPEN = "open"
    """Nobody has to say who they are."""
    KEYS = "keys"
    """Nothing without a credential."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks something of the collection: the bearer of a token, a device that proved by itself which one it is,
    or nobody."""

    access: Access
    principal: Principal | None = None
    device_id: str | None = None
    """The device that was authenticated without an account."""

    @classmethod
    def of_device(cls, access: Access, device_id: str) -> Self:
        """A device that CoAP has authenticated by OSCORE: it may send as itself and read its own pictures."""
        return cls(access, device_id=device_id)

    @classmethod
    def nobody(cls, access: Access) -> Self:
        """Without any credential."""
        return cls(access)

    @property
    def bound_to(self) -> str | None:
        """The one device that the caller may speak for; None: not bound."""
        if self.device_id is not None:
            return self.device_id
        return None if self.principal is None else self.principal.device_id

    def check_may_send(self, device_id: str) -> None:
        """Raises `NotAuthenticated` or `Forbidden` unless the caller may send pictures as this device."""
        self._check_binding(device_id)
        if self.access is Access.OPEN or self.device_id is not None:
            return
        principal = self._account_or_service(SEND)
        if principal.service is not None:
            raise Forbidden("Services read the collection. They send nothing.")
        if principal.authority not in SENDERS:
            raise Forbidden("Only keys of doctors and administrators send pictures.")
        if principal.device_id is None and principal.authority is not Authority.ADMIN:
            raise Forbidden("To send pictures takes an API key that is bound to the device, or an administrator.")

    def check_may_read(self, device_id: str | None) -> None:
        """Raises `NotAuthenticated` or `Forbidden` unless the caller may see the pictures of this device; None: those
        of all devices, such as a list of them or the events of a collection."""
        self._check_binding(device_id)
        if self.access is Access.OPEN or self.device_id is not None:
            return
        principal = self._account_or_service(READ)
        if principal.service is None and principal.authority is Authority.NONE:
            raise Forbidden("The account waits for approval.")

    def _check_binding(self, device_id: str | None) -> None:
        """Characters are compared as they are: look-alikes and other normal forms are other devices."""
        if self.bound_to is not None and self.bound_to != device_id:
            raise Forbidden(f'The key speaks for the device "{self.bound_to}" alone.')

    def _account_or_service(self, scopes: frozenset[Scope]) -> Principal:
        """The bearer of a token that is for the whole account, or for one of `scopes`."""
        if self.principal is None:
            raise NotAuthenticated
        if self.principal.scopes is not None and self.principal.scopes.isdisjoint(scopes):
            raise InsufficientScope(*sorted(scopes))
        return self.principal


async def caller_of(request: Request) -> Caller:
    """Whoever calls over HTTP; the lifespan state has the setting as `access`. Raises `InvalidToken`, and
    `InsufficientScope` for a token that was given out for something else."""
    principal = await principal_of(request)
    if principal is not None and not principal.allows(SEND, request.method):
        raise InsufficientScope(*sorted(SEND))
    access: Access = request.state.access
    return Caller(access, principal)


CallerIs = Annotated[Caller, Depends(caller_of)]

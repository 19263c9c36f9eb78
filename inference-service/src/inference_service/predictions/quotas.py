"""Whose pictures count among all that strangers store: those of visitors without an account, and those of accounts that
nobody has approved. See docs/decisions/0056-accounts-that-wait.md."""

from dataclasses import dataclass
from typing import Final, Self

from inference_service.predictions import repository
from inference_service.predictions.models import Prediction
from inference_service.renditions.service import Charge
from inference_service.state import Services
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Principal
from lightbox_shared.database import WriteSession

APPROVED_AT_ONCE: Final = 1000
"""So many predictions of an account that has been approved stop counting with one upload."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who has a picture read."""

    account_id: int
    counted_address: str | None = None
    """The address for which the picture counts; None where it counts for nobody, as for approved accounts and for
    another service, which asks for them alone."""

    @classmethod
    def anonymous(cls, address: str) -> Self:
        """A visitor without an account."""
        return cls(ANONYMOUS_ACCOUNT, address)

    @classmethod
    def of(cls, caller: Principal, address: str) -> Self:
        """The account that sends a picture from an address. Raises `InvalidToken` for a service."""
        return cls(caller.account, address if caller.waits_for_approval else None)

    @property
    def is_anonymous(self) -> bool:
        """Whether it is a visitor without an account."""
        return self.account_id == ANONYMOUS_ACCOUNT


def charge_for(services: Services, prediction: Prediction) -> Charge | None:
    """Counts what is made of the picture of a prediction that counts; None for one that does not."""
    if prediction.anonymous_bytes is None:
        return None

    async def charge(session: WriteSession, size: int) -> bool:
        is_counted = await repository.add_anonymous_bytes(session, prediction.id, size)
        return is_counted and await services.anonymous.add(session, size)

    return charge


async def stop_counting(session: WriteSession, anonymous: AnonymousStorage, account_id: int) -> None:
    """Give back what an account has stored before it was approved. To be called last in a transaction, since the total
    is locked after all other rows."""
    sizes = await repository.stop_counting(session, account_id, APPROVED_AT_ONCE)
    if sizes:
        await anonymous.subtract(session, Stored(len(sizes), sum(sizes)))

"""The rules of deleting: who may, and what goes with a prediction."""

from inference_service.deletions import repository
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import NotFound


async def delete(session: WriteSession, anonymous: AnonymousStorage, prediction_id: int, caller: Principal) -> None:
    """Delete a prediction with its X-ray and its label; the bytes of its picture go with the unused blobs.

    What was counted for it among all that strangers store is given back. Raises `NotFound` if it is not
    there, or not the caller's to delete.
    """
    owner = await repository.find_owner(session, prediction_id)
    if owner is None or not _may_delete(caller, owner):
        raise NotFound
    counted = await repository.delete_with_all(session, prediction_id)
    if counted is None:  # another request was faster
        raise NotFound
    if counted:
        await anonymous.subtract(session, Stored(len(counted), sum(counted)))


def _may_delete(caller: Principal, owner: int) -> bool:
    """A key of an administrator is for a program that runs models, which has no business with other accounts."""
    return caller.account == owner or (caller.authority is Authority.ADMIN and caller.scopes is None)

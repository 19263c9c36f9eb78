"""The statements on the table of X-rays."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from inference_service.xrays.models import XRay
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession


async def ids_of_account(session: ReadSession, account_id: int) -> Sequence[int]:
    """The ids of the X-rays of an account, newest first."""
    return (await session.scalars(select(XRay.id).where(XRay.account_id == account_id).order_by(XRay.id.desc()))).all()


async def find(session: ReadSession, xray_id: int) -> XRay | None:
    """The X-ray with this id and its prediction, or None."""
    return await session.get(XRay, xray_id, options=[joinedload(XRay.prediction)])


async def add(session: WriteSession, xray: XRay) -> XRay:
    """Insert an X-ray and return it with the id and time that the database has set."""
    session.add(xray)
    await session.flush()
    return xray


async def add_anonymous_bytes(session: WriteSession, xray_id: int, size: int) -> bool:
    """Count further bytes for an anonymous X-ray, whose row stays locked. Returns whether it is still there."""
    more = update(XRay).where(XRay.id == xray_id).values(anonymous_bytes=XRay.anonymous_bytes + size)
    return (await session.execute(more.returning(XRay.id))).one_or_none() is not None


async def count_anonymous(session: ReadSession) -> int:
    """The number of X-rays of the anonymous account."""
    query = select(func.count()).select_from(XRay).where(XRay.account_id == ANONYMOUS_ACCOUNT)
    return (await session.scalars(query)).one()

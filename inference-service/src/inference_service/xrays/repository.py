"""The queries on X-rays."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from inference_service.xrays.models import XRay
from lightbox_shared.database import ReadSession, WriteSession


async def ids_of_account(session: ReadSession, account_id: int) -> Sequence[int]:
    """All of an account's X-rays, newest first."""
    return (await session.scalars(select(XRay.id).where(XRay.account_id == account_id).order_by(XRay.id.desc()))).all()


async def find(session: ReadSession, xray_id: int) -> XRay | None:
    """One X-ray with its prediction."""
    return await session.get(XRay, xray_id, options=[joinedload(XRay.prediction)])


async def add(session: WriteSession, xray: XRay) -> XRay:
    """Insert an X-ray; the database gives it its id and its time."""
    session.add(xray)
    await session.flush()
    return xray

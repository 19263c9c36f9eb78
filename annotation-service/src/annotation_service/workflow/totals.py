"""Summing up the totals of lists (`workflow.models.JobTotal`), so that reading them stays quick."""

from typing import Final

from annotation_service.workflow import totals_repository as repository
from lightbox_shared.database import Database, try_lock

SUM_UP_FROM: Final = 500
"""Rows. Adding up so many takes less than a millisecond."""
_LOCK: Final = 0x616E_6E6F_0000_0001


async def sum_up(database: Database) -> None:
    """Sum up the rows of both tables of totals if there are many. One replica at a time does it."""
    async with database.reading() as session:
        if await repository.totals_rows(session) < SUM_UP_FROM:
            return
    async with database.writing() as session:
        if await try_lock(session, _LOCK):
            await repository.sum_up_totals(session)

"""Statistics: labels become arrays in a thread, page by page, and the measures are calculated there too."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Row

from annotation_service.schemes.rules import SchemeRules
from annotation_service.schemes.service import Schemes
from annotation_service.statistics import repository
from annotation_service.statistics.accuracy import DoctorAccuracy, accuracy
from annotation_service.statistics.agreement import FieldAgreement, field_agreement
from annotation_service.statistics.filters import LabelFilter
from annotation_service.statistics.readings import FieldScale, JudgedReadingsBuilder, ReadingsBuilder
from annotation_service.workflow.rules import COMMENT
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import ReadSession

MAX_WIDEST_RANGE: Final = 50
"""Whole numbers between a minimum and a maximum that are taken for a scale."""


class Statistics:
    """Calculates the measures of labels. Used by many tasks of one event loop."""

    def __init__(self, schemes: Schemes, threads: BoundedThreads) -> None:
        self._schemes = schemes
        self._threads = threads

    async def scheme(self, session: ReadSession, labels: LabelFilter) -> SchemeRules:
        """The scheme of the labels. Raises `InvalidRequest` if there is none of this name."""
        return await self._schemes.find(session, await self._schemes.id_of(session, labels.scheme))

    async def agreement(self, session: ReadSession, scheme: SchemeRules, labels: LabelFilter) -> list[FieldAgreement]:
        """The agreement between doctors in every field. Raises `Unavailable` if too many requests calculate."""
        builder = ReadingsBuilder(scales(scheme))
        async for page in repository.readings(session, scheme.id, labels):
            await self._threads.run(partial(_add_readings, builder, page))
        readings = await self._threads.run(builder.build)
        # A field at a time, so that a request whose client has gone does not hold the thread to the end.
        return [
            await self._threads.run(partial(field_agreement, readings, place)) for place in range(len(readings.fields))
        ]

    async def accuracy(self, session: ReadSession, scheme: SchemeRules, labels: LabelFilter) -> list[DoctorAccuracy]:
        """How often each doctor finds the ground truth. Raises `Unavailable` if too many requests calculate."""
        builder = JudgedReadingsBuilder(scales(scheme))
        async for page in repository.judged(session, scheme.id, labels):
            await self._threads.run(partial(_add_judged, builder, page))
        return await self._threads.run(lambda: accuracy(builder.build()))


def scales(scheme: SchemeRules) -> list[FieldScale]:
    """The scales of the fields of a scheme, without the comment."""
    return [
        FieldScale(name, _categories(scheme.properties[name]), name in scheme.ordered)
        for name in scheme.fields
        if name != COMMENT
    ]


def _categories(schema: object) -> tuple[Any, ...]:
    """The values that a field can have, where its schema lists them."""
    if not isinstance(schema, dict):
        return ()
    if isinstance(schema.get("enum"), list):
        return tuple(each for each in schema["enum"] if each is not None)
    if schema.get("type") == "boolean":
        return (False, True)
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") == "integer" and isinstance(low, int) and isinstance(high, int):
        return tuple(range(low, high + 1)) if high - low < MAX_WIDEST_RANGE else ()
    return ()


def _add_readings(builder: ReadingsBuilder, page: Sequence[Row[Any]]) -> None:
    builder.add([row.picture for row in page], [row.account_id for row in page], [row.fields for row in page])


def _add_judged(builder: JudgedReadingsBuilder, page: Sequence[Row[Any]]) -> None:
    builder.add([row.account_id for row in page], [row.fields for row in page], [row.truth for row in page])

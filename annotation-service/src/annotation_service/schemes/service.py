"""Label schemes: which there are, and the rules of each."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from cachetools import LRUCache

from annotation_service.schemes import repository
from annotation_service.schemes.documents import label_scheme
from annotation_service.schemes.models import BUILT_IN_ID, Scheme
from annotation_service.schemes.rules import SchemeRules
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest

Session = ReadSession | WriteSession
MAX_VERSION: Final = 2**31 - 1
_CACHED: Final = 256
_REFERENCE: Final = re.compile(r"([a-z][a-z0-9-]{0,62})(?:/([1-9][0-9]{0,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stored:
    """The version of a scheme that has a document, and whether this request made it."""

    scheme: Scheme
    new: bool


class Schemes:
    """The label schemes of the service. Rules that were read once are kept, since a version never changes."""

    def __init__(self) -> None:
        self._rules: LRUCache[int, SchemeRules] = LRUCache(_CACHED)

    async def find(self, session: Session, scheme_id: int) -> SchemeRules:
        """The rules of a scheme that is stored. Raises `LookupError` if there is none with this id."""
        found = self._rules.get(scheme_id)
        if found is None:
            row = await repository.get(session, scheme_id)
            if row is None:
                raise LookupError(f"There is no scheme with the id {scheme_id}.")
            found = self._rules[scheme_id] = SchemeRules(row.id, row.name, row.version, row.schema)
        return found

    async def id_of(self, session: Session, reference: str | None) -> int:
        """The id of the scheme that `named` finds; without a reference that of the built-in one."""
        return BUILT_IN_ID if not reference else (await self.named(session, reference)).id

    async def named(self, session: Session, reference: str, field: str = "scheme") -> Scheme:
        """The scheme `name/version`, or the newest version of `name`. Raises `InvalidRequest`, which names `field`, if
        there is none."""
        matched = _REFERENCE.fullmatch(reference)
        version = int(matched[2]) if matched and matched[2] else None
        row = None
        if matched and (version or 1) <= MAX_VERSION:
            row = await repository.find(session, matched[1], version)
        if row is None:
            raise InvalidRequest.of(field, f"There is no scheme {reference[:100]!r}; /api/schemes lists them.")
        return row

    async def store(
        self, session: WriteSession, name: str, title: str, document: dict[str, Any], account_id: int
    ) -> Stored:
        """Keep a document as the next version of the scheme `name`, unless it is that of the newest version.

        Raises `InvalidRequest` for a document that can't be a label scheme.
        """
        checked = label_scheme(document)
        SchemeRules(0, name, 1, checked)  # it can be compiled
        await repository.lock(session)
        newest = await repository.find(session, name)
        if newest is not None and newest.title == title and _text(newest.schema) == _text(checked):
            return Stored(newest, new=False)
        return Stored(await repository.add(session, name, title, checked, account_id), new=True)


def _text(document: dict[str, Any]) -> str:
    """The order of members is part of it, since it is the order of the fields."""
    return json.dumps(document)

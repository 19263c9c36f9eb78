"""SenML (RFC 8428) in JSON and CBOR: packs written from records that have the labels of section 4.3. Nothing here reads
packs.

Every record has exactly one value, every number is finite (section 4.4), and resolved names have the characters of
section 4.5.1 alone; records that break these rules are a mistake in the calling code (`ValueError`).
"""

import json
import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Final

import cbor2

from core_collection_service.protocol.media_types import SENML_CBOR

Record = Mapping[str, str | int | float | bool | bytes]
"""Label in JSON -> value; the value of `vd` is bytes."""

_BASE_LABELS: Final = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6}
_LABELS: Final = {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8}
LABELS: Final = _BASE_LABELS | _LABELS
"""Label in JSON -> label in CBOR (RFC 8428 section 6)."""
VALUES: Final = frozenset({"v", "vs", "vb", "vd"})
ABSOLUTE_FROM: Final = 2**28
"""In seconds. Smaller times are relative to the moment of reading (RFC 8428 section 4.5.3)."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")


def pack(records: Iterable[Record], media_type: str) -> bytes:
    """The pack in one of the two media types. Raises `ValueError` for records that break the rules of SenML."""
    checked = list(_checked(records))
    if media_type == SENML_CBOR:
        return cbor2.dumps([{LABELS[label]: value for label, value in record.items()} for record in checked])
    as_json = [{label: _in_json(value) for label, value in record.items()} for record in checked]
    return json.dumps(as_json, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _checked(records: Iterable[Record]) -> Iterable[Record]:
    base = ""
    for record in records:
        base = str(record.get("bn", base))
        name = base + str(record.get("n", ""))
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a SenML name: {name!r}")
        if len(VALUES & record.keys()) != 1:
            raise ValueError(f"not exactly one value: {name}")
        if any(isinstance(value, float) and not math.isfinite(value) for value in record.values()):
            raise ValueError(f"not a finite number: {name}")
        yield record


def _in_json(value: str | float | bytes) -> str | float:
    """A value as JSON has it: data is base64url without padding (RFC 8428 section 5)."""
    return urlsafe_b64encode(value).rstrip(b"=").decode() if isinstance(value, bytes) else value

"""What Graph's errors mean here, and the pause that it asks for."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import pydantic_core

from imagehub_service.drives.errors import (
    DriveError,
    DriveFull,
    DriveUnavailable,
    FileTooLarge,
    InvalidName,
    NameTaken,
    NoSuchItem,
    UnreadableAnswer,
)

DEEPEST: Final = 20
LONGEST_PAUSE_SECONDS: Final = 24 * 3600.0

KNOWN_CODES: Final = frozenset(
    {
        "accessdenied",
        "activitylimitreached",
        "generalexception",
        "insufficient_claims",
        "invalidauthenticationtoken",
        "invalidrange",
        "invalidrequest",
        "itemnotfound",
        "malwaredetected",
        "namealreadyexists",
        "notallowed",
        "notsupported",
        "quotalimitreached",
        "resourcelocked",
        "resourcemodified",
        "resyncchangesapplydifferences",
        "resyncchangesuploaddifferences",
        "resyncrequired",
        "servicenotavailable",
        "syncstatenotfound",
        "toomanyrequests",
        "unauthenticated",
        "upload_name_conflict",
    }
)
"""In lower case."""


class Refused(DriveError):
    """Microsoft does not allow this, or does not accept the registration of this installation."""


_BY_CODE: Final[dict[str, type[DriveError]]] = {
    "itemnotfound": NoSuchItem,
    "namealreadyexists": NameTaken,
    "upload_name_conflict": NameTaken,
    "quotalimitreached": DriveFull,
    "servicenotavailable": DriveUnavailable,
    "generalexception": DriveUnavailable,
}
_BY_STATUS: Final[dict[int, type[DriveError]]] = {404: NoSuchItem, 409: NameTaken, 413: FileTooLarge, 507: DriveFull}
_SENTENCES: Final[dict[type[DriveError], str]] = {
    NameTaken: "There is an item of this name already.",
    FileTooLarge: "The file is too large for OneDrive.",
    DriveFull: "There is no room in the drive.",
    DriveUnavailable: "Microsoft does not answer at the moment.",
    Refused: "Microsoft Graph has refused this.",
}


def deepest_code(body: bytes) -> str | None:
    """The most exact of the known codes of an error, in lower case; "" if there is none that is known, and None if the
    body is no error of Graph."""
    try:
        found: object = pydantic_core.from_json(body)
    except ValueError:
        return None
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    deepest = ""
    for _ in range(DEEPEST):
        code = error.get("code")
        if isinstance(code, str) and code.lower() in KNOWN_CODES:
            deepest = code.lower()
        inner = error.get("innerError", error.get("innererror"))
        if not isinstance(inner, dict):
            break
        error = inner
    return deepest


def failure(status: int, body: bytes, *, about_name: bool = False) -> DriveError:
    """What an answer of Graph that is no success means; `about_name` if the request had a name in it."""
    code = deepest_code(body)
    if code is None:
        return UnreadableAnswer()
    if about_name and status in {400, 422} and code in {"", "invalidrequest"}:
        return InvalidName("OneDrive does not accept this name.")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (DriveUnavailable if status >= 500 else Refused)
    return kind(_SENTENCES[kind]) if kind in _SENTENCES else kind()


def pause_seconds(retry_after: str | None, *, default: float) -> float:
    """The pause that `Retry-After` (RFC 9110 section 10.2.3) asks for: seconds, or a date. A day at most."""
    text = (retry_after or "").strip()
    seconds = math.nan
    if text.isascii() and text.isdigit():
        seconds = float(text[:20])
    elif text:
        try:
            seconds = (parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            seconds = math.nan
    return default if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)

"""What people write about groups and pictures, as types of pydantic."""

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator, Field

from lightbox_shared.errors.sentences import BLANK, CONTROL_CHARACTERS, NULL_CHARACTERS, too_long
from lightbox_shared.requests.forms import is_storable

MAX_TITLE: Final = 300
MAX_CAPTION: Final = 4000
MAX_NAME: Final = 255
MAX_TAG: Final = 100
MAX_TAGS: Final = 50
MAX_SEARCH: Final = 200

NOT_STORABLE: Final = NULL_CHARACTERS


def _or_none(text: str | None) -> str | None:
    return (text or "").strip() or None


def _one_line(text: str) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise ValueError(BLANK)
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        raise ValueError(CONTROL_CHARACTERS)
    return text


def _tag(text: str) -> str:
    text = _one_line(text)
    if len(text) > MAX_TAG:
        raise ValueError(too_long(MAX_TAG))
    return text


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError(NOT_STORABLE)
    return text


def tag_key(tag: str) -> str:
    """What tags have in common that are taken for the same."""
    return unicodedata.normalize("NFKC", tag).casefold()


def distinct_tags(tags: Iterable[str]) -> list[str]:
    """The tags without those that differ from an earlier one in upper and lower case alone."""
    kept: dict[str, str] = {}
    for each in tags:
        kept.setdefault(tag_key(each), each)
    return list(kept.values())


Title = Annotated[str | None, Field(max_length=MAX_TITLE), AfterValidator(_or_none)]
Caption = Annotated[str | None, Field(max_length=MAX_CAPTION), AfterValidator(_or_none)]
FileName = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_one_line)]
Tag = Annotated[str, Field(max_length=4 * MAX_TAG), AfterValidator(_tag)]
Tags = Annotated[
    list[Tag],
    Field(max_length=MAX_TAGS, description="Without regard to upper and lower case each is kept once."),
    AfterValidator(distinct_tags),
]
Search = Annotated[
    str | None,
    Query(
        max_length=MAX_SEARCH,
        description="A part of the name, the title or the caption, in upper or lower case.",
    ),
    AfterValidator(lambda text: None if text is None else _storable(text)),
]
TagFilter = Annotated[list[Annotated[str, Field(max_length=MAX_TAG), AfterValidator(_storable)]], Query(max_length=20)]

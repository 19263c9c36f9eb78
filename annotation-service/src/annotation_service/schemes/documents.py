"""Which JSON Schema documents can be label schemes.

A label scheme is a JSON Schema (2020-12) of an object, whose properties are the fields of a label. It decides how much
work every later label is, so it is limited before it is used:

- Only the keywords below, and annotations that begin with `x-`, are taken. None of them reaches outside of the
  document, changes what another one means (`$id`, `$dynamicRef`, `$vocabulary`), or makes fields whose names are not
  listed.
- There are no regular expressions (`pattern`, `patternProperties`). Even an engine that takes linear time can need a
  second for a text of 60 kB, where the expression repeats something a thousand times.
- `$ref` names an entry of the document's own `$defs`, and never leads back to itself. With references followed, a
  document has at most `MAX_SUBSCHEMAS` schemas, so that nested references can't multiply.

A field is marked as ordered by the annotation `"x-ordered": true`: its values are grades. Their order is that of its
`enum`, else that of the numbers which the values are, or are written in them ("2").
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import NOT_A_STRING

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
ORDERED: Final = "x-ordered"
FIELD: Final = "schema"
"""The member of the request that errors name."""

MAX_FIELDS: Final = 64
MAX_SUBSCHEMAS: Final = 500
"""Schemas in a document, references followed; `ENUM_VALUES` values of an `enum` count as one."""
ENUM_VALUES: Final = 20
MAX_DEPTH: Final = 24
MAX_DEFINITIONS: Final = 32

RESERVED: Final = frozenset(
    {"id", "label_id", "job_id", "image_id", "account_id", "doctor_id", "scheme", "message", "data"}
)
"""Members of resources that carry the fields of a label, which no field can be named like."""

_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DEFINITION: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REFERENCE: Final = "#/$defs/"
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
_ASSERTIONS: Final = frozenset(
    {
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "maxItems", "minItems", "uniqueItems", "minContains", "maxContains"),
        *("maxProperties", "minProperties", "required", "dependentRequired"),
    }
)
_ONE: Final = frozenset({"items", "contains", "not", "if", "then", "else", "additionalProperties"})
_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAP: Final = frozenset({"properties", "dependentSchemas"})
_KEYWORDS: Final = _ANNOTATIONS | _ASSERTIONS | _ONE | _LIST | _MAP | {"$ref"}
_AT_ROOT: Final = _KEYWORDS | {"$schema", "$defs"}


def label_scheme(document: dict[str, Any]) -> dict[str, Any]:
    """The document as it is kept: with `$schema`, and with `additionalProperties` false, which is always meant.

    Raises `InvalidRequest` with a sentence that says what is wrong, and where. That the values of its keywords are
    those of JSON Schema is not checked here.
    """
    count_values(document, FIELD)
    if document.get("$schema", DRAFT) != DRAFT:
        raise _wrong("$schema", f"This must be {DRAFT}, or be left out.")
    if document.get("type") != "object":
        raise _wrong("type", 'A label is an object: this must be "object".')
    if document.get("additionalProperties", False) is not False:
        raise _wrong("additionalProperties", "A label has the fields that are listed; this can only be false.")
    properties = document.get("properties")
    if not isinstance(properties, dict) or not 1 <= len(properties) <= MAX_FIELDS:
        raise _wrong("properties", f"A label has 1 to {MAX_FIELDS} fields.")
    for name in properties:
        if not _FIELD_NAME.fullmatch(name):
            raise _wrong(f"properties/{name[:100]}", "A field's name has letters, digits and _, and up to 63 of them.")
        if name in RESERVED:
            raise _wrong(f"properties/{name}", "This is the name of something else beside a label's fields.")
    count_schemas(document)
    return {"$schema": DRAFT, **document, "additionalProperties": False}


def ordered_fields(document: Mapping[str, Any]) -> list[str]:
    """The names of the fields whose values are grades."""
    properties = document["properties"].items()
    return [name for name, schema in properties if isinstance(schema, dict) and schema.get(ORDERED) is True]


def count_schemas(document: dict[str, Any]) -> int:
    """The number of schemas in a document, references followed. Raises `InvalidRequest`."""
    return _Survey(document).complete()


def count_values(value: object, field: str, *, max_depth: int = 2 * MAX_DEPTH, max_values: int = 10_000) -> int:
    """The number of values inside of a JSON value.

    Raises `InvalidRequest`, which names `field`, for a value that is nested deeper than `max_depth`, has more than
    `max_values` values inside, a number that 64 bits do not hold, or a text that the database does not store.
    """
    waiting = [(value, 1)]
    values = 0
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, str):
            refuse_unstorable(each, field)
            continue
        if isinstance(each, int | float):
            if not -(2**63) <= each < 2**63:  # nor is NaN
                raise InvalidRequest.of(field, "It has a number that is too large.")
            continue
        inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        values += len(inside)
        if inside and depth > max_depth:
            raise InvalidRequest.of(field, f"It is nested deeper than {max_depth} levels.")
        if values > max_values:
            raise InvalidRequest.of(field, f"It has more than {max_values} values.")
        waiting.extend((item, depth + 1) for item in inside)
        waiting.extend((name, depth) for name in (each if isinstance(each, dict) else ()))
    return values


def refuse_unstorable(text: str, field: str) -> None:
    """Raise `InvalidRequest` for a text with null characters or lone surrogates, which PostgreSQL does not store."""
    if "\0" in text or not (text.isascii() or _is_encodable(text)):
        raise InvalidRequest.of(field, NOT_A_STRING)


def _is_encodable(text: str) -> bool:
    """Whether a text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Survey:
    """Counts the schemas of a document, and refuses what is not a keyword of label schemes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        definitions = document.get("$defs", {})
        if not isinstance(definitions, dict) or len(definitions) > MAX_DEFINITIONS:
            raise _wrong("$defs", f"This is an object of at most {MAX_DEFINITIONS} schemas.")
        self._definitions = definitions
        self._counted: dict[str, int | None] = {}
        """The number of schemas below each definition; None while it is being counted."""

    def complete(self) -> int:
        """The number of schemas of the whole document. Raises `InvalidRequest`."""
        for name in self._definitions:
            if not _DEFINITION.fullmatch(name):
                raise _wrong("$defs", "Names of definitions have letters, digits, and . _ -")
            self._definition(name, f"$defs/{name}")
        return self._count(self._document, "", _AT_ROOT, 1)

    def _count(self, schema: object, place: str, keywords: frozenset[str], depth: int) -> int:
        if isinstance(schema, bool):
            return 1
        if not isinstance(schema, dict):
            raise _wrong(place, "A schema is an object, true or false.")
        if depth > MAX_DEPTH:
            raise _wrong(place, f"Schemas can be nested {MAX_DEPTH} levels deep.")
        for keyword in schema:
            if keyword not in keywords and not keyword.startswith("x-"):
                raise _wrong(_below(place, keyword[:100]), "This keyword is not taken in label schemes.")
        enum = schema.get("enum")
        total = 1 + (len(enum) // ENUM_VALUES if isinstance(enum, list) else 0)
        for below, each in _subschemas(schema, place):
            total += self._count(each, below, _KEYWORDS, depth + 1)
        if "$ref" in schema:
            total += self._reference(schema["$ref"], _below(place, "$ref"))
        if total > MAX_SUBSCHEMAS:
            raise _wrong(place, f"A scheme can have {MAX_SUBSCHEMAS} schemas, references followed.")
        return total

    def _reference(self, reference: object, place: str) -> int:
        name = reference.removeprefix(_REFERENCE) if isinstance(reference, str) else ""
        if name not in self._definitions or reference != _REFERENCE + name:
            raise _wrong(place, f"A reference is {_REFERENCE} and the name of a definition of this document.")
        return self._definition(name, place)

    def _definition(self, name: str, place: str) -> int:
        if name not in self._counted:
            self._counted[name] = None
            self._counted[name] = self._count(self._definitions[name], f"$defs/{name}", _KEYWORDS, 1)
        counted = self._counted[name]
        if counted is None:
            raise _wrong(place, "This reference leads back to itself.")
        return counted


def _subschemas(schema: dict[str, Any], place: str) -> Iterator[tuple[str, object]]:
    for keyword, value in schema.items():
        below = _below(place, keyword)
        if keyword in _ONE:
            yield below, value
        elif keyword in _LIST and isinstance(value, list):
            yield from ((f"{below}/{index}", each) for index, each in enumerate(value))
        elif keyword in _MAP and isinstance(value, dict):
            yield from ((f"{below}/{name[:100]}", each) for name, each in value.items())


def _below(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


def _wrong(place: str, sentence: str) -> InvalidRequest:
    return InvalidRequest.of(FIELD, f"{place}: {sentence}" if place else sentence)

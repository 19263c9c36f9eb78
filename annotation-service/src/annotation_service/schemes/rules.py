"""The rules of one label scheme: its fields, and whether a label keeps to it.

Labels are validated by jsonschema-rs, a validator in Rust: a label of the built-in scheme takes it about a microsecond,
where the usual one in Python takes 800. It never fetches a document.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from annotation_service.schemes.documents import FIELD, count_schemas, count_values, ordered_fields, refuse_unstorable
from lightbox_shared.errors import FieldError, InvalidRequest
from lightbox_shared.errors.sentences import REQUIRED, Sentence

MAX_VALUES: Final = 1000
"""Values inside of a label, those in lists included."""
MAX_DEPTH: Final = 8
MAX_ERRORS: Final = 20
"""Wrong fields that an error names."""
MAX_EXPLAINED: Final = 5000
"""Explaining what is wrong takes up to 20 us for each schema at each value; above this product only the fields are
named."""
_VALUE: Final = "The value"
_WORDS: Final = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "null": "null",
    "array": "a list",
    "object": "an object",
}

_DESCRIBED: Final = frozenset({"type", "maxLength", "items", "maxItems", "title", "description"})


class SchemeRules:
    """A version of a label scheme, ready to validate labels."""

    def __init__(self, scheme_id: int, name: str, version: int, document: Mapping[str, Any]) -> None:
        """Raises `InvalidRequest` if the values of keywords in `document` are not those of JSON Schema."""
        self.id = scheme_id
        self.name = name
        self.version = version
        self.properties: Mapping[str, Any] = document["properties"]
        """The schema of each field."""
        self.definitions: Mapping[str, Any] = document.get("$defs", {})
        self.fields: tuple[str, ...] = tuple(self.properties)
        """The names of the fields, in the order of the document."""
        self.ordered: tuple[str, ...] = tuple(ordered_fields(document))
        """The fields whose values are grades, for which a near miss counts less than a far one."""
        try:
            self._validator = _compiled(document)
            self._schemas = count_schemas(dict(document))
        except ValidationError as error:
            place = "/".join(map(str, error.instance_path))
            raise InvalidRequest.of(FIELD, f"{place}: {error.message}" if place else error.message) from None
        except ValueError as error:
            raise InvalidRequest.of(FIELD, str(error)) from None

    def __str__(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    def check(self, fields: dict[str, Any]) -> None:
        """Raise `InvalidRequest`, which names each field that is unknown, missing or wrong, unless `fields` is a label
        of this scheme."""
        values = self._count_values(fields)
        if self._validator.is_valid(fields):
            return
        wrong = self._wrong_fields(fields, values)
        sentences = [f"{each.field}: {each.message}" if each.field else each.message for each in wrong]
        raise InvalidRequest("; ".join(sentences), fields=wrong)

    @staticmethod
    def _count_values(fields: dict[str, Any]) -> int:
        """The number of values. What a schema costs for a label is bounded by the sizes of both."""
        values = len(fields)
        refuse_unstorable("".join(fields), "")
        for name, value in fields.items():
            if value is True or value is False or value is None:
                continue
            if isinstance(value, str):
                refuse_unstorable(value, name[:100])
                continue
            values += count_values(value, name[:100], max_depth=MAX_DEPTH, max_values=MAX_VALUES)
        if values > MAX_VALUES:
            raise InvalidRequest(f"A label can have {MAX_VALUES} values, those in lists included.")
        return values

    def _wrong_fields(self, fields: dict[str, Any], values: int) -> list[FieldError]:
        if self._schemas * values > MAX_EXPLAINED:
            return self._unfit_fields(fields)[:MAX_ERRORS]
        found: dict[tuple[str, str], FieldError] = {}
        for error in self._validator.iter_errors(fields):
            for each in self._field_errors(error):
                found[each.field, each.message] = each
        return list(found.values())[:MAX_ERRORS]

    def _unfit_fields(self, fields: dict[str, Any]) -> list[FieldError]:
        unknown = [self._unknown(name) for name in fields if name not in self.properties]
        definitions = {"$defs": self.definitions}
        unfit = [
            FieldError(name, Sentence("unfit-value", "The value does not fit the schema of this field."))
            for name, schema in self.properties.items()
            if name in fields and not _compiled({**definitions, "allOf": [schema]}).is_valid(fields[name])
        ]
        return unknown + unfit or [FieldError("", Sentence("unfit-fields", "The fields do not fit together."))]

    def _unknown(self, name: str) -> FieldError:
        sentence = f"The scheme {self} has no such field; it has {', '.join(self.fields)}."
        return FieldError(name[:100], Sentence("unknown-field", sentence))

    def _field_errors(self, error: ValidationError) -> Iterable[FieldError]:
        path = [str(part) for part in error.instance_path]
        sentence = error.message
        match error.kind:
            case ValidationErrorKind.AdditionalProperties(unexpected=names) if not path:
                return [self._unknown(name) for name in names]
            case ValidationErrorKind.Required(property=name):
                return [FieldError(".".join([*path, name]), REQUIRED)]
            case ValidationErrorKind.AnyOf() if len(path) == 1:
                described = _described(self.properties[path[0]])
                sentence = sentence if described is None else f"It takes {described}."
        return [FieldError(".".join(path), Sentence("unfit-value", sentence))]


def _compiled(document: Mapping[str, Any]) -> Draft202012Validator:
    """Raises `ValidationError` or `ValueError`."""
    return Draft202012Validator(dict(document), offline=True, mask=_VALUE)


def _described(schema: object) -> str | None:
    """What a schema takes, in words; None if it says more than types, lengths, and alternatives of these."""
    if not isinstance(schema, dict):
        return None
    if "anyOf" in schema:
        each = [_described(alternative) for alternative in schema["anyOf"]]
        return None if None in each else ", or ".join(map(str, each))
    if not schema.keys() <= _DESCRIBED or "type" not in schema:
        return None
    types = schema["type"]
    text = ", ".join(_WORDS[each] for each in ([types] if isinstance(types, str) else types))
    return f"{text} of at most {schema['maxLength']} characters" if "maxLength" in schema else text

"""Label schemes on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.schemes.documents import ordered_fields
from annotation_service.schemes.models import Scheme

_EXAMPLE: dict[str, Any] = {
    "name": "skin-lesion",
    "title": "Dermoscopy of a single lesion",
    "schema": {
        "type": "object",
        "properties": {
            "malignant": {"type": "boolean"},
            "grade": {"type": "integer", "minimum": 0, "maximum": 4, "x-ordered": True},
            "comment": {"type": "string", "maxLength": 2000},
        },
        "required": ["malignant"],
    },
}
_DOCUMENT = "JSON Schema (2020-12) of an object, whose properties are the fields of a label."


class NewScheme(BaseModel):
    """A label scheme, or the next version of one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Annotated[
        str, Field(pattern="^[a-z][a-z0-9-]{0,62}$", description="The same name again is the next version.")
    ]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    document: Annotated[dict[str, Any], Field(alias="schema", description=_DOCUMENT)]


class SchemeBody(BaseModel):
    """A version of a label scheme. It never changes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    version: int
    title: str
    document: Annotated[dict[str, Any], Field(serialization_alias="schema", description=_DOCUMENT)]
    fields_in_order: Annotated[list[str], Field(serialization_alias="fields")]
    """The names of the fields, in the order of the document."""
    ordered: list[str]
    """The fields whose values are grades; `x-ordered` in the document."""
    created_at: datetime

    @classmethod
    def of(cls, row: Scheme) -> Self:
        """From a row."""
        return cls(
            name=row.name,
            version=row.version,
            title=row.title,
            document=row.schema,
            fields_in_order=list(row.schema["properties"]),
            ordered=ordered_fields(row.schema),
            created_at=row.created_at,
        )


class SchemeList(BaseModel):
    """A page of schemes, each in its newest version."""

    schemes: list[SchemeBody]
    next_cursor: str | None

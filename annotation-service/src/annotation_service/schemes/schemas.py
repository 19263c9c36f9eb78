"""Label schemes on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.schemes.models import Scheme
from annotation_service.schemes.rules import SchemeRules

_EXAMPLE = {
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
Document = Annotated[
    dict[str, Any], Field(alias="schema", description="JSON Schema (2020-12) of an object: the fields of a label.")
]


class NewScheme(BaseModel):
    """A label scheme, or the next version of one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Annotated[
        str, Field(pattern="^[a-z][a-z0-9-]{0,62}$", description="The same name again is the next version.")
    ]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    document: Document


class SchemeBody(BaseModel):
    """A version of a label scheme. It never changes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    version: int
    title: str
    document: Document
    fields_in_order: Annotated[list[str], Field(alias="fields")]
    """The names of the fields, in the order of the document."""
    ordered: list[str]
    """The fields whose values are grades; `x-ordered` in the document."""
    created_at: datetime

    @classmethod
    def of(cls, row: Scheme) -> Self:
        """From a row."""
        rules = SchemeRules(row.id, row.name, row.version, row.schema)
        return cls(
            name=row.name,
            version=row.version,
            title=row.title,
            schema=row.schema,
            fields=list(rules.fields),
            ordered=list(rules.ordered),
            created_at=row.created_at,
        )


class SchemeList(BaseModel):
    """A page of schemes, each in its newest version."""

    schemes: list[SchemeBody]
    next_cursor: str | None

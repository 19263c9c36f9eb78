"""Labels on the wire. The fields are those of the scheme; for the built-in one they are TheYelda's."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.workflow.models import Label
from lightbox_shared.responses.hal import Resource, self_link

LABEL_PATH: Final = "/label"
LABELS_PATH: Final = "/labels"
OTHER_MEMBERS: Final = frozenset({"_links", "id", "label_id", "message", "scheme"})
"""Members of a label's resource that are no fields of it. A scheme has no fields of these names."""

Value = bool | int | str | list[int] | None
_EXAMPLE: Final[dict[str, Any]] = {"quality": True, "dr": False, "stage": "2", "dme": True, "hr": "1", "comment": "1"}


def label_path(label_id: int) -> str:
    """The path of a label at the root."""
    return f"{LABEL_PATH}/{label_id}"


class LabelFields(BaseModel):
    """The fields of a label: those of its scheme, which is the built-in one unless `scheme` names another."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})

    scheme: str | None = Field(None, max_length=200, description="As `name` or `name/version`.", examples=[None])

    @property
    def values(self) -> dict[str, Any]:
        """The fields as they were sent."""
        return {name: value for name, value in (self.model_extra or {}).items() if name not in OTHER_MEMBERS}


class LabelResource(Resource):
    """One label. A field that was not sent is null. Where the scheme is not the built-in one, `scheme` names it."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"label_id": 1, **_EXAMPLE}]})

    label_id: int
    message: str

    @classmethod
    def of(cls, label: Label, names: Sequence[str], scheme: str | None, message: str, prefix: str) -> Self:
        """From the row, with the names of the fields of its scheme."""
        fields: Mapping[str, Any] = {**dict.fromkeys(names), **label.fields}
        of_scheme = {} if scheme is None else {"scheme": scheme}
        links = self_link(prefix + label_path(label.id), account=f"{prefix}/accounts/{label.author_id}")
        return cls(label_id=label.id, message=message, _links=links, **of_scheme, **fields)


class LabelDeleted(Resource):
    """What is said of a label that was deleted."""

    message: str

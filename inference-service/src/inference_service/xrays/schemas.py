"""The request and response bodies of CheXRay."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from inference_service.predictions.schemas import Title
from inference_service.xrays.models import XRay

Moment = Annotated[
    datetime, PlainSerializer(lambda moment: moment.isoformat(timespec="microseconds").replace("+00:00", "Z"))
]
HOST: Final = "https://lightbox.example.org"
IMAGE: Final = "/api/chexray/media/7?key=WzcsMTc2NTUxNjQwMF0.q8mM0qVxJv7bH0jCqk3uJm0m3yq1p2Jd4y9o"
HEATMAP: Final = IMAGE.replace("?", "/heatmap?")

Probability = Annotated[float, Field(ge=0, le=1)]


def _integer(value: object) -> int:
    """An integer, which a form sends as a text of digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 40:
        return int(value)
    raise ValueError("A valid integer is required.")


class XRayFields(BaseModel):
    """The text fields of an upload."""

    title: Title = ""


class XRayQuery(BaseModel):
    """The id of an X-ray, as `xray_id` or as `id`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"xray_id": 7}]})

    xray_id: Annotated[int, BeforeValidator(_integer), Field(validation_alias=AliasChoices("xray_id", "id"))]


class UserBody(BaseModel):
    """The account that is logged in, and its X-rays."""

    userid: int
    username: str
    pastxrays: Annotated[list[int], Field(description="Ids of X-rays, newest first.")]


class XRayBody(BaseModel):
    """An X-ray with five probabilities, computed by a demonstration model."""

    id: int
    title: str
    image: Annotated[
        str, Field(description="The path on this host where an <img> tag can load the picture.", examples=[IMAGE])
    ]
    image_url: Annotated[str, Field(description="The same as an absolute URL.", examples=[HOST + IMAGE])]
    heatmap_image: Annotated[
        str,
        Field(
            description="The path, likewise, of the picture with the model's class-activation map over it, as a PNG; "
            "`finding` in its query chooses the finding. The picture itself, where the model has no such map.",
            examples=[HEATMAP],
        ),
    ]
    date_posted: Moment
    userperson: int
    atelectasis: Probability
    cardiomegaly: Probability
    consolidation: Probability
    edema: Probability
    pleural_effusion: Probability

    @classmethod
    def of(cls, xray: XRay, host: str, image: str, heatmap: str) -> Self:
        """The body for a row of the table; `host` is the beginning of absolute URLs, the others are paths."""
        return cls.model_validate(
            {
                "id": xray.id,
                "title": xray.prediction.title or xray.title,
                "image": image,
                "image_url": host + image,
                "heatmap_image": heatmap,
                "date_posted": xray.posted_at,
                "userperson": xray.account_id,
                **xray.findings,
            }
        )

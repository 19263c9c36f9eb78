"""CheXRay's answers."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, PlainSerializer

from inference_service.xrays.models import XRay

Moment = Annotated[
    datetime, PlainSerializer(lambda moment: moment.isoformat(timespec="microseconds").replace("+00:00", "Z"))
]
Probability = Annotated[float, Field(ge=0, le=1)]


class UserBody(BaseModel):
    """Who is logged in, and what they uploaded."""

    userid: int
    username: str
    pastxrays: Annotated[list[int], Field(description="Ids of X-rays, newest first.")]


class XRayBody(BaseModel):
    """An X-ray with five probabilities, computed by a demonstration model."""

    id: int
    title: str
    image: Annotated[str, Field(description="Where an <img> tag can load the picture.")]
    date_posted: Moment
    userperson: int
    atelectasis: Probability
    cardiomegaly: Probability
    consolidation: Probability
    edema: Probability
    pleural_effusion: Probability

    @classmethod
    def of(cls, xray: XRay, image: str) -> Self:
        """From a row."""
        return cls.model_validate(
            {
                "id": xray.id,
                "title": xray.title,
                "image": image,
                "date_posted": xray.posted_at,
                "userperson": xray.account_id,
                **xray.findings,
            }
        )

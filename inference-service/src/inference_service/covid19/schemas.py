"""The response bodies of the COVID-19 API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from inference_service.covid19.service import Label


class AliveBody(BaseModel):
    """The server is up."""

    message: Literal["Server is alive!"] = "Server is alive!"


class PredictBody(BaseModel):
    """The result of a demonstration model for a picture."""

    result: Label
    distribution: Annotated[dict[str, str], Field(examples=[{"COVID-19": "3.41%", "NORMAL": "96.59%"}])]

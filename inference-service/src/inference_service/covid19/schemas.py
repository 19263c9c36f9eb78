"""The COVID-19 API's answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from inference_service.covid19.service import Result


class AliveBody(BaseModel):
    """The server is up."""

    message: Literal["Server is alive!"] = "Server is alive!"


class PredictBody(BaseModel):
    """What a demonstration model says of the picture."""

    result: Result
    distribution: Annotated[dict[str, str], Field(examples=[{"COVID-19": "3.41%", "NORMAL": "96.59%"}])]

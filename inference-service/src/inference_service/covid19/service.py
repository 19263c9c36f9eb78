"""The use case of the COVID-19 API, and how it presents the two scores of its model."""

from collections.abc import Mapping
from typing import Final, Literal

from inference_service.covid19.errors import EmptyFile, NotAnImage
from inference_service.predictions.models import Prediction
from inference_service.predictions.quotas import Sender
from inference_service.predictions.reading import read_picture
from inference_service.predictions.service import PredictionResult, record
from inference_service.state import Services
from lightbox_shared.images import PictureError
from lightbox_shared.requests.disconnect import Client

SYSTEM: Final = "covid19"
LABELS: Final = ("COVID-19", "NORMAL")
Label = Literal["NORMAL", "COVID-19"]


async def predict(
    services: Services, data: bytes | None, client: Client, address: str
) -> tuple[PredictionResult, Prediction]:
    """Run the model on a picture from an address, and record the prediction for the anonymous account.

    Raises `EmptyFile`, `NotAnImage`, and what `read_picture` raises.
    """
    if not data:
        raise EmptyFile
    sender = Sender.anonymous(address)
    try:
        async with read_picture(services, data, services.covid19, sender, client, keeps_picture=False) as reading:
            result, counted = reading.result, reading.counted_bytes
            return result, await record(reading.session, result, sender.account_id, anonymous_bytes=counted)
    except PictureError as error:
        raise NotAnImage from error


def distribution(scores: Mapping[str, float]) -> dict[str, str]:
    """The scores as percentages with two decimals that add up to 100, such as `{"COVID-19": "3.41%", "NORMAL":
    "96.59%"}`."""
    first, second = LABELS
    total = scores[first] + scores[second]
    hundredths = round(10_000 * scores[first] / total) if total else 5_000
    return {first: _percent(hundredths), second: _percent(10_000 - hundredths)}


def likelier_label(scores: Mapping[str, float]) -> Label:
    """The label with the larger score; NORMAL if they are equal."""
    return "COVID-19" if scores["COVID-19"] > scores["NORMAL"] else "NORMAL"


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"

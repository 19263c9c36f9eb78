"""The rules of the COVID-19 API: what it reads, and its answer out of two scores."""

from collections.abc import Mapping
from typing import Final, Literal

from inference_service.covid19.errors import EmptyFile, NotAnImage
from inference_service.predictions.models import Prediction
from inference_service.predictions.service import PictureRead, record
from inference_service.state import Services
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.images import PictureError

SYSTEM: Final = "covid19"
LABELS: Final = ("COVID-19", "NORMAL")
Result = Literal["NORMAL", "COVID-19"]


async def predict(services: Services, data: bytes | None) -> tuple[PictureRead, Prediction]:
    """Read a picture, and keep the record of it for the anonymous account. Raises `EmptyFile`, `NotAnImage`, and
    `Unavailable` when too many pictures are being read."""
    if not data:
        raise EmptyFile
    try:
        read = await services.reader.read(data, services.covid19)
    except PictureError as error:
        raise NotAnImage from error
    async with services.database.writing() as session:
        return read, await record(session, read, ANONYMOUS_ACCOUNT)


def distribution(scores: Mapping[str, float]) -> dict[str, str]:
    """Percentages with two decimals that add up to exactly 100: `{"COVID-19": "3.41%", "NORMAL": "96.59%"}`."""
    first, second = LABELS
    total = scores[first] + scores[second]
    hundredths = round(10_000 * scores[first] / total) if total else 5_000
    return {first: _percent(hundredths), second: _percent(10_000 - hundredths)}


def result(scores: Mapping[str, float]) -> Result:
    """The label with the larger score; of two equal ones NORMAL, which claims less."""
    return "COVID-19" if scores["COVID-19"] > scores["NORMAL"] else "NORMAL"


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"

"""The answer of the COVID-19 API out of two scores."""

from collections.abc import Mapping
from typing import Final, Literal

SYSTEM: Final = "covid19"
LABELS: Final = ("COVID-19", "NORMAL")
Result = Literal["NORMAL", "COVID-19"]


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

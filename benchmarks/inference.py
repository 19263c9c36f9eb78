"""Uploads through the platform, compared with a plain loop that decodes and runs the model on the same cores."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from benchmarks import densenet, load
from benchmarks.harness import VAR, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.loop import Loop, Setting, settings_for
from benchmarks.running import sign_up
from inference_service.runtime.engine import usable_cores
from lightbox.run.temporary import running_platform

CLIENTS: Final = 16
SCREENING_SECONDS: Final = 2.0
FINALISTS: Final = 4  # on a small machine all settings are finalists, so that noise can't drop the best one
UPLOAD: Final = (
    "POST of a grey 1024 x 1024 JPEG to /api/chexray/upload/ through the gateway with a token, each file another one; a"
    " DenseNet-121 of random weights reads it at 224 x 224, and the database keeps it"
)
LOOP: Final = "the service's own decoding and ONNX Runtime in a plain loop, no HTTP, no database"

THROUGHPUT: Final = Row(
    "inference-throughput",
    f"{UPLOAD}. {CLIENTS} clients at once. Reference: the best that any thread setting reaches with {LOOP}.",
    "pictures/s",
    bound=0.9,
)
LATENCY: Final = Row(
    "inference-latency",
    f"{UPLOAD}. One client. Reference: the shortest median that any thread setting gives with {LOOP}. "
    "A tutorial's FastAPI endpoint and BentoML are not measured.",
    "s",
    bound=1.2,
    better="less",
)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform."""
    models, picture = densenet.repository(VAR / "models"), densenet.picture(VAR)
    # The account of the benchmark waits for approval.
    unlimited = {f"LIGHTBOX_ANONYMOUS_{each}": "0" for each in ("PICTURES_PER_DAY", "BYTES_PER_DAY", "TOTAL_BYTES")}
    settings = {"LIGHTBOX_MODEL_REPOSITORY": str(models), "LIGHTBOX_CHEXRAY_MODEL": densenet.NAME, **unlimited}
    folder = models / densenet.NAME / "1"
    with running_platform(**settings) as platform, Loop.started(folder, picture) as loop:
        url, token = platform.url + "/api/chexray/upload/", sign_up(platform)
        screened = {each: loop.measure(each, SCREENING_SECONDS) for each in settings_for(usable_cores(0))}
        for row, clients, number in ((THROUGHPUT, CLIENTS, "rate"), (LATENCY, 1, "median")):
            if row.id not in wanted:
                continue
            finalists = _finalists(row, {each: result[number] for each, result in screened.items()})

            def platform_once(clients: int = clients, number: str = number) -> float:
                uploads = load.upload(url, token, picture, clients=clients, seconds=effort.seconds * 1.5)
                return float(uploads[number])

            def loop_once(setting: Setting, number: str = number) -> float:
                return loop.measure(setting, effort.seconds * 0.75)[number]

            loops = {each.name: partial(loop_once, each) for each in finalists}
            name, result = measure_in_rounds(row, effort, platform_once, loops)
            yield row.id, replace(result, note=f"the best loop was {name}; {result.note}")


def _finalists(row: Row, numbers: dict[Setting, float]) -> list[Setting]:
    """The settings that are measured in every round."""
    return sorted(numbers, key=lambda each: numbers[each], reverse=row.better == "more")[:FINALISTS]


SUITE: Final = Suite((THROUGHPUT, LATENCY), measure)

"""The limit of the machine: decode a picture and run the model, in a plain loop without any service around it.

A process of its own (`python -m benchmarks.loop <model folder> <picture>`) that measures one setting for each line of
JSON on its standard input. It decodes with the service's own functions, and runs the graph with ONNX Runtime's
defaults but for the number of threads.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import onnxruntime as ort

from inference_service.model_repository.description import read_description
from inference_service.model_repository.tensors import to_tensor
from lightbox_shared.images import decode_grey

MAX_PIXELS = 50_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """How many loops run side by side, with how many threads each, and whether threads spin while they wait."""

    threads: int
    loops: int = 1
    spinning: bool = True

    @property
    def name(self) -> str:
        """As a person reads it."""
        if self.loops > 1:
            return f"{self.loops} loops of one thread side by side"
        spinning = "" if self.spinning or self.threads == 1 else " that do not spin"
        return f"one loop with {self.threads} thread{'s' if self.threads > 1 else ''}{spinning}"


def settings_for(cores: int) -> list[Setting]:
    """Every sensible way to use this many cores: powers of two, and all of them."""
    counts = sorted({cores, *(2**power for power in range(cores.bit_length()) if 2**power <= cores)})
    found = [Setting(count) for count in counts]
    if cores > 1:
        found += [Setting(cores, spinning=False), Setting(1, loops=cores)]
    return found


@dataclass(frozen=True, slots=True)
class Loop:
    """The process, seen from the benchmark."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def started(cls, model: Path, picture: Path) -> Iterator[Self]:
        """Start it; end it afterwards."""
        command = [sys.executable, "-m", "benchmarks.loop", str(model), str(picture)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield cls(process)
            finally:
                process.terminate()

    def measure(self, setting: Setting, seconds: float) -> dict[str, float]:
        """Run one setting: `rate` (pictures a second) and `median` (seconds a picture)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**asdict(setting), "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        result: dict[str, float] = json.loads(self.process.stdout.readline())
        return result


def _opener(model: Path, picture: bytes) -> Callable[[Setting], Callable[[], object]]:
    """Gives for a setting the function that reads the picture once; each session is opened once."""
    description = read_description(model / "model.toml")
    wanted, output = description.input, description.output.name
    sessions: dict[tuple[int, bool], ort.InferenceSession] = {}

    def opened(setting: Setting) -> Callable[[], object]:
        key = (setting.threads, setting.spinning)
        if key not in sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = setting.threads
            options.add_session_config_entry("session.intra_op.allow_spinning", str(int(setting.spinning)))
            sessions[key] = ort.InferenceSession(str(model / "model.onnx"), options, providers=["CPUExecutionProvider"])
        session = sessions[key]

        def read() -> object:
            grey = decode_grey(picture, max_pixels=MAX_PIXELS, least_size=(wanted.width, wanted.height))
            return session.run([output], {wanted.name: to_tensor(grey, wanted)[None]})

        return read

    return opened


def _measure(read: Callable[[], object], loops: int, seconds: float) -> dict[str, float]:
    rates: list[float] = []
    times: list[float] = []

    def loop() -> None:
        read()
        own: list[float] = []
        begin = now = time.perf_counter()
        while now - begin < seconds:
            before = now
            read()
            now = time.perf_counter()
            own.append(now - before)
        rates.append(len(own) / (now - begin))
        times.extend(own)

    threads = [threading.Thread(target=loop) for _ in range(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"rate": sum(rates), "median": statistics.median(times)}


def main(model: str, picture: str) -> None:
    """Answer each line of standard input with a line."""
    opened = _opener(Path(model), Path(picture).read_bytes())
    for line in sys.stdin:
        asked = json.loads(line)
        seconds = asked.pop("seconds")
        setting = Setting(**asked)
        print(json.dumps(_measure(opened(setting), setting.loops, seconds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

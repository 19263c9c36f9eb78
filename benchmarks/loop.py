"""The limit of the machine: decoding a picture and running the model in a plain loop, without a service.

Runs in a process of its own (`python -m benchmarks.loop <model folder> <picture>`), which measures one setting for each
line of JSON on its standard input. It decodes by the functions of the service, and runs the graph with the defaults of
ONNX Runtime except for the number of threads.
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
    """The number of concurrent loops, the threads of each, and whether threads spin while they wait."""

    threads: int
    loops: int = 1
    spinning: bool = True

    @property
    def name(self) -> str:
        """A description of the setting."""
        if self.loops > 1:
            return f"{self.loops} loops of one thread side by side"
        spinning = "" if self.spinning or self.threads == 1 else " that do not spin"
        return f"one loop with {self.threads} thread{'s' if self.threads > 1 else ''}{spinning}"


def settings_for(cores: int) -> list[Setting]:
    """The settings that use a number of cores, with powers of two as numbers of loops and of threads."""
    counts = sorted({cores, *(2**power for power in range(cores.bit_length()) if 2**power <= cores)})
    found = [Setting(count) for count in counts]
    if cores > 1:
        found += [Setting(cores, spinning=False), Setting(1, loops=cores)]
    return found


@dataclass(frozen=True, slots=True)
class Loop:
    """The process of the loop, as the benchmark uses it."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def started(cls, model: Path, picture: Path) -> Iterator[Self]:
        """Run the process until the end of the context."""
        command = [sys.executable, "-m", "benchmarks.loop", str(model), str(picture)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield cls(process)
            finally:
                process.terminate()

    def measure(self, setting: Setting, seconds: float) -> dict[str, float]:
        """Measure a setting. Returns `rate` (pictures a second) and `median` (seconds a picture)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**asdict(setting), "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        result: dict[str, float] = json.loads(self.process.stdout.readline())
        return result


def _opener(model: Path, picture: bytes) -> Callable[[Setting], Callable[[], object]]:
    """A function that makes for a setting the function that processes the picture once. Sessions are opened once."""
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
            grey = decode_grey(picture, max_pixels=MAX_PIXELS, min_size=(wanted.width, wanted.height))
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
    """Measure the setting in each line of standard input, and print the result as a line."""
    opened = _opener(Path(model), Path(picture).read_bytes())
    for line in sys.stdin:
        asked = json.loads(line)
        seconds = asked.pop("seconds")
        setting = Setting(**asked)
        print(json.dumps(_measure(opened(setting), setting.loops, seconds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

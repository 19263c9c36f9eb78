"""The console of a platform that runs in a checkout of the sources: its folder `console/`, and the process that builds
it there (`console/build.py`) while the platform runs already."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lightbox.run.process import STOP_SECONDS, die_with_parent, open_log

SETTING: Final = "LIGHTBOX_CONSOLE_DIR"
SOURCES: Final = Path(__file__).resolve().parents[4] / "console"


def console_dir() -> str:
    """Where the gateway finds the console: what the setting says, else the folder of the sources; "" for nowhere."""
    if SETTING in os.environ:
        return os.environ[SETTING]
    return str(SOURCES / "dist") if (SOURCES / "build.py").exists() else ""


@dataclass
class ConsoleBuild:
    """The process that builds the console, unless a setting says where it is: `start` it, call `ended` regularly, and
    `stop` it."""

    log_path: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process, which ends at once if there is nothing to build."""
        if SETTING in os.environ or not (SOURCES / "build.py").exists():
            return
        log = open_log(self.log_path)
        try:
            self.process = subprocess.Popen(
                [sys.executable, str(SOURCES / "build.py")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - this process has no threads
            )
        finally:
            os.close(log)

    def ended(self) -> str | None:
        """The sentence for the user when the process has failed, at the first call after that; else None."""
        if self.process is None or self.process.poll() is None:
            return None
        code, self.process = self.process.returncode, None
        if code == 0:
            return None
        lines = self.log_path.read_text(errors="replace").splitlines()
        return f"The console can't be built: {lines[-1] if lines else code} (its log: {self.log_path})"

    def stop(self) -> None:
        """End the process, and those that it has started."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.process = None

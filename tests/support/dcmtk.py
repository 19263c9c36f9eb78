"""DCMTK's programs: what they show of a DICOM file, and files that they compress."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

_PROGRAMS = ("dcm2pnm", "dcmj2pnm", "dcml2pnm", "dcmcrle", "dcmcjpeg", "dcmcjpls")

needs_dcmtk = pytest.mark.skipif(
    any(shutil.which(each) is None for each in _PROGRAMS),
    reason="compares with dcm2pnm and compresses with its sisters, which DCMTK has (Debian: dcmtk)",
)


class NotShown(Exception):
    """The program refuses the file."""


def shown(data: bytes, *options: str, program: str = "dcm2pnm") -> npt.NDArray[np.float64]:
    """The picture as one of `dcm2pnm`, `dcmj2pnm` (JPEG) or `dcml2pnm` (JPEG-LS) shows it, without overlays: 0 to 255,
    of 8 bits; shape (height, width), or (height, width, 3) in colour."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        source, target = Path(folder, "in.dcm"), Path(folder, "out.pnm")
        source.write_bytes(data)
        _run(program, "-O", *options, "+op", source, target)
        with Image.open(target) as image:
            return np.asarray(image, np.float64)


def compressed(data: bytes, *command: str) -> bytes:
    """A file after one of the programs that compress: `compressed(data, "dcmcjpeg", "+eb")`."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        source, target = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        source.write_bytes(data)
        _run(*command, source, target)
        return target.read_bytes()


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the folder in it is of our own


def _run(program: str, *arguments: Any) -> None:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode or not Path(arguments[-1]).exists():
        raise NotShown(f"{program}: {done.stderr or done.stdout}")

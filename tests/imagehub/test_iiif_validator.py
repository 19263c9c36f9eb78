"""The validator of the IIIF consortium, against the service behind a socket: level 2 of version 3.0 of the Image API,
and what it can test of the features beyond that level which info.json promises."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from support.gateway import Server
from support.iiif import validator_picture
from support.imagehub import Hub, MakeHubSettings

from imagehub_service.app import create_app

validator = pytest.importorskip("iiif_validator.validator", reason="it needs libmagic", exc_type=ImportError)

SCRIPT = Path(sys.executable).parent / "iiif-validate.py"
# Of the others, `format_webp` can't run under Python 3, and `size_up` takes the picture's size for the largest one.
MORE_TESTS = ("linkheader_canonical", "linkheader_profile", "rot_mirror", "rot_mirror_180")


async def run_validator(port: int, identifier: int, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), "-s", f"127.0.0.1:{port}", "-p", "iiif/3", "-i", str(identifier)),
        *("--version=3.0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode()


async def test_the_validator_finds_nothing(hub: Hub, make_settings: MakeHubSettings) -> None:
    picture = await hub.picture(await hub.group(), validator_picture(validator.ValidationInfo().colorInfo))
    server = await asyncio.to_thread(Server, create_app(make_settings()))
    try:
        code, output = await run_validator(server.port, picture.id, "--level=2")
        assert code == 0, output
        assert len(re.findall("PASS", output)) == 33
        code, output = await run_validator(server.port, picture.id, *(f"--test={name}" for name in MORE_TESTS))
        assert code == 0, output
        assert len(re.findall("PASS", output)) == len(MORE_TESTS)
    finally:
        await asyncio.to_thread(server.stop)

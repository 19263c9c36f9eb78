"""Pictures for the benchmarks, the documents that carry them, and scripts by which wrk sends and downloads them."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

import cbor2
import numpy as np
from PIL import Image

PATH: Final = "/collections/images"
SIDE: Final = 223
"""The width and height of a grey picture of noise, which can't be compressed: 50 kB as a PNG."""
CBOR: Final = "application/cbor"
JSON: Final = "application/json"
DEVICES: Final = 10
FIRST: Final = datetime(2024, 1, 1, tzinfo=UTC)
STAMP_BYTES: Final = 27
"""The length of a timestamp such as 2024-01-01T00:00:00.000000Z."""

# Each request has another timestamp, and so is another picture: another second, with the microsecond of this run.
UPLOADS: Final = """\
local file = io.open("{tail}", "rb")
local tail = file:read("*a")
file:close()
local headers = {{["Content-Type"] = "{media_type}"}}
local n = 0
request = function()
  n = n + 1
  local day = math.floor(n / 86400)
  local stamp = string.format("2024-%02d-%02dT%02d:%02d:%02d.{run:06d}Z", 1 + math.floor(day / 28), 1 + day % 28,
    math.floor(n / 3600) % 24, math.floor(n / 60) % 60, n % 60)
  return wrk.format("POST", nil, headers, "{before}" .. n % {devices} .. "{between}" .. stamp .. tail)
end
"""

# A line of the list is a path and, for a conditional request, an entity tag. Each request is built once.
DOWNLOADS: Final = """\
local requests = {{}}
init = function()
  math.randomseed({seed})
  for line in io.lines("{paths}") do
    local path, tag = line:match("^(%S+)%s*(.*)$")
    local headers = {{}}
    if tag ~= "" then headers["If-None-Match"] = tag end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end
request = function()
  return requests[math.random(#requests)]
end
"""


def png(number: int = 1, side: int = SIDE) -> bytes:
    """A PNG of noise. Each `number` gives another picture."""
    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (side, side), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def stamp(number: int) -> str:
    """The timestamp of the picture with this number."""
    return (FIRST + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cbor_document(device_id: str, timestamp: str, data: bytes) -> bytes:
    """The document of an upload, with the picture as a byte string."""
    return cbor2.dumps({"deviceId": device_id, "timestamp": timestamp, "imageData": data})


def json_fields(device_id: str, timestamp: str, data: bytes) -> dict[str, str]:
    """The fields of an upload as JSON, with the picture in base64."""
    return {"deviceId": device_id, "timestamp": timestamp, "imageData": base64.b64encode(data).decode()}


def address(device_id: str, timestamp: str) -> str:
    """The path and query of a picture."""
    return f"{PATH}?deviceId={quote(device_id, safe='')}&timestamp={quote(timestamp, safe='')}"


def upload_script(folder: Path, media_type: str, data: bytes, run: int) -> str:
    """Write a Lua script by which wrk sends a picture repeatedly, with timestamps that no other run uses."""
    if media_type == CBOR:
        document = cbor_document("camera-0", stamp(0), data)
        split = document.index(b"camera-0") + len(b"camera-"), document.index(stamp(0).encode())
        before, between, tail = (
            document[: split[0]],
            document[split[0] + 1 : split[1]],
            document[split[1] + STAMP_BYTES :],
        )
    else:
        before, between = b'{"deviceId": "camera-', b'", "timestamp": "'
        tail = b'", "imageData": "' + base64.b64encode(data) + b'"}'
    path = folder / f"tail-{media_type.rpartition('/')[2]}"
    path.write_bytes(tail)
    parts = {"before": _lua(before), "between": _lua(between), "tail": path, "media_type": media_type}
    return UPLOADS.format(**parts, run=run, devices=DEVICES)


def download_script(folder: Path, name: str, lines: Iterable[str]) -> str:
    """Write a Lua script by which wrk requests paths in random order."""
    path = folder / f"paths-{name}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return DOWNLOADS.format(paths=path, seed=1)


def _lua(data: bytes) -> str:
    """The bytes as the content of a string literal in Lua."""
    return "".join(f"\\{byte:03d}" for byte in data)

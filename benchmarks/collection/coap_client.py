"""CoAP clients in a process of their own, which print their results as JSON.

`python -m benchmarks.collection.coap_client one <method> <address> <picture> <seconds>` sends pictures one after the
other and prints the median time. `many <address> <picture> <devices> <seconds>` sends pictures of a number of devices
at once, each with its own socket, and prints how many were sent and which errors occurred. A POST carries a CBOR
document (RFC 8949), a PUT only the picture; both are sent by Block1 (RFC 7959).
"""

import asyncio
import json
import statistics
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

from aiocoap import CHANGED, CREATED, POST, PUT, Context, Message
from aiocoap.error import Error

from benchmarks.collection.documents import cbor_document, stamp

CBOR_FORMAT: Final = 60
WARM_UP: Final = 3
ANSWER_SECONDS: Final = 60.0
GOOD: Final = frozenset({CREATED, CHANGED})


async def send(context: Context, method: str, address: str, *, device_id: str, number: int, data: bytes) -> str:
    """Send a picture. Returns a sentence about the error, or "" if there was none."""
    if method == "PUT":
        message = Message(code=PUT, uri=address, payload=data)
    else:
        # The microseconds differ between runs of this program.
        timestamp = stamp(number)[:-7] + f"{time.time_ns() // 1000 % 1_000_000:06d}Z"
        document = cbor_document(device_id, timestamp, data)
        message = Message(code=POST, uri=address, payload=document, content_format=CBOR_FORMAT)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await context.request(message).response
    except (Error, OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.code in GOOD else f"{answer.code}: {answer.payload[:200]!r}"


async def one(method: str, address: str, data: bytes, seconds: float) -> dict[str, Any]:
    """Send pictures one after the other. Returns the median time in seconds."""
    context = await Context.create_client_context()
    took: list[float] = []
    until = time.perf_counter() + seconds
    for number in count():
        before = time.perf_counter()
        if before > until and number > WARM_UP:
            break
        failure = await send(context, method, address, device_id="one", number=number, data=data)
        if failure:
            raise SystemExit(failure)
        if number >= WARM_UP:
            took.append(time.perf_counter() - before)
    await context.shutdown()
    return {"median": statistics.median(took), "pictures": len(took)}


async def many(address: str, data: bytes, devices: int, seconds: float) -> dict[str, Any]:
    """Send pictures of several devices at once. Returns how many were stored, and the errors of the others."""
    failures: list[str] = []
    sent = 0
    begin = time.perf_counter()

    async def device(device_id: str) -> None:
        nonlocal sent
        context = await Context.create_client_context()
        for number in count():
            if number and time.perf_counter() - begin > seconds:
                break
            failure = await send(context, "POST", address, device_id=device_id, number=number, data=data)
            sent += not failure
            if failure:
                failures.append(failure)
        await context.shutdown()

    await asyncio.gather(*(device(f"device-{number}-{time.time_ns()}") for number in range(devices)))
    return {"pictures": sent, "seconds": time.perf_counter() - begin, "failures": failures}


def main(kind: str, *options: str) -> None:
    """Run the clients and print the result as JSON."""
    if kind == "one":
        method, address, picture, seconds = options
        found = asyncio.run(one(method, address, Path(picture).read_bytes(), float(seconds)))
    else:
        address, picture, devices, seconds = options
        found = asyncio.run(many(address, Path(picture).read_bytes(), int(devices), float(seconds)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

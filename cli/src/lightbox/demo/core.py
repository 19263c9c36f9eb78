"""The demo of the CoRE image collection: sends, watches and reads pictures over HTTP, and over CoAP if it is served."""

import asyncio
import json
import secrets
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio
import httpx
from rich.console import Console

from lightbox.collect.address import DEFAULT_PATH, Address
from lightbox.collect.callbacks import ignore_progress, ignore_status
from lightbox.collect.connect import connect
from lightbox.collect.errors import AccessDenied, CollectError
from lightbox.collect.models import Picture, PictureEvent
from lightbox.collect.transport import Transport
from lightbox.demo.answers import SAMPLES, DemoError, ok, table
from lightbox.run.coap import CoapSettings

OVER_HTTP: Final = ("normal.png", "cardiomegaly.jpg", "normal-wide.bmp")
OVER_COAP: Final = "covid19-normal.jpg"
COAP_SECONDS: Final = 3.0
"""How long to wait for the first answer over CoAP."""
ARRIVAL_SECONDS: Final = 60.0


def walk(http: httpx.Client, console: Console) -> None:
    """Send pictures as a device, watch them arrive, and list them.

    Raises `DemoError`, `CollectError` and `httpx.HTTPError`. If the collection accepts only devices with API keys, that
    is printed and nothing is sent.
    """
    device = f"demo-{secrets.token_hex(4)}"
    try:
        asyncio.run(_send_and_read(http, console, device))
    except AccessDenied as error:
        console.print(f"Here devices need keys of their own, and the demo has none: {error}", markup=False)
        console.print("lightbox api-keys create ... --scope collect --device ID makes one.", markup=False)
        return
    _show_lists(http, console, device)


async def _send_and_read(http: httpx.Client, console: Console, device: str) -> None:
    address = Address.parse(str(http.base_url).rstrip("/") + DEFAULT_PATH)
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(connect(address))
        console.print(await web.discover(None), markup=False)
        coap = await _over_coap(address, stack, console)
        await _watched(web, coap, console, device)


async def _over_coap(address: Address, stack: AsyncExitStack, console: Console) -> Transport | None:
    """Connect to the same collection over CoAP. Returns None, after printing a sentence, if there is no answer."""
    host = httpx.URL(address.server).host
    host = f"[{host}]" if ":" in host else host
    at = Address.parse(f"coap://{host}:{CoapSettings().coap_udp_port}{address.path}")
    transport = await stack.enter_async_context(connect(at))
    try:
        async with asyncio.timeout(COAP_SECONDS):
            announced = await transport.discover("rt=simple.act")
    except (TimeoutError, CollectError):
        console.print(f"{at.server} does not answer: CoAP is off, as it is in production unless switched on")
        return None
    console.print(f"{at.server}: {announced}", markup=False)
    return transport


async def _watched(web: Transport, coap: Transport | None, console: Console, device: str) -> None:
    """Send pictures, wait until the watched collection reports them, and read them again."""
    began = datetime.now(UTC).replace(microsecond=0)
    names = [(name, web, "HTTP, CBOR") for name in OVER_HTTP]
    if coap is not None:
        names.append((OVER_COAP, coap, "CoAP, in blocks"))
    pictures = [
        Picture(device, began + timedelta(seconds=number), await anyio.Path(SAMPLES / name).read_bytes())
        for number, (name, _transport, _how) in enumerate(names)
    ]
    watching = asyncio.Event()
    arrived: list[PictureEvent] = []

    async def watch() -> None:
        async with aclosing(web.watch(device, watching.set, ignore_status)) as arrivals:
            async for each in arrivals:
                arrived.append(each)
                if len(arrived) == len(pictures):
                    return

    headings = ("phantom", "sent over", "bytes", "arrived as", "the same bytes back")
    sent = table(f"{device} sends", *headings, unbroken=("phantom", "arrived as"))
    try:
        async with asyncio.timeout(ARRIVAL_SECONDS), anyio.create_task_group() as group:
            group.start_soon(watch)
            await watching.wait()
            for picture, (_name, transport, _how) in zip(pictures, names, strict=True):
                if not await transport.send(picture, ignore_progress):
                    raise DemoError("The collection knew a picture that was never sent.")
    except TimeoutError:
        raise DemoError("The pictures were not seen to arrive.") from None
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    for picture, event, (name, transport, how) in zip(pictures, arrived, names, strict=True):
        back = await transport.get(device, picture.taken_at.isoformat(), ignore_progress)
        if back.data != picture.data or event.size != len(picture.data):
            raise DemoError(f"{name} came back with other bytes.")
        sent.add_row(name, how, f"{len(picture.data):,}", event.href, "yes")
    console.print(sent)
    again = await web.send(pictures[0], ignore_progress)
    console.print(f"the first one once more: {'stored twice' if again else 'was there already'}")


def _show_lists(http: httpx.Client, console: Console, device: str) -> None:
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    listed = ok(http.get(DEFAULT_PATH, params={"deviceId": device, "from": since}))["pictures"]
    headings = ("timestamp", "type", "size", "bytes", "thumbnail")
    shown = table(f"list of {device}, newest first", *headings, unbroken=("timestamp", "type", "size"))
    for each in listed:
        small = http.get(each["href"], params={"w": 64, "h": 64})
        if not small.is_success:
            raise DemoError(f"{each['href']}: {small.status_code} {small.text[:300]}")
        shown.add_row(
            each["timestamp"],
            each["mediaType"],
            f"{each['width']} x {each['height']}",
            f"{each['size']:,}" + (f", {each['encoding']}: {each['storedSize']:,}" if each["encoding"] else ""),
            f"{len(small.content):,} bytes",
        )
    console.print(shown)
    accept = {"Accept": "application/senml+json"}
    pack: list[dict[str, Any]] = http.get(DEFAULT_PATH, params={"deviceId": device}, headers=accept).json()
    records = ",\n ".join(json.dumps(record, ensure_ascii=False) for record in pack)
    console.print("the newest picture of the device as SenML:")
    console.print(f"[{records}]", markup=False, highlight=False)

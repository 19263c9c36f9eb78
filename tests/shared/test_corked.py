"""Small writes wait for each other, and nothing else changes."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from lightbox_shared.corked import WAIT_BELOW_BYTES, CorkedTransport


@dataclass
class Transport:
    """A transport that notes what is done with it."""

    done: list[object] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def set_protocol(self, protocol: object) -> None:
        self.done.append(protocol)

    def __getattr__(self, name: str) -> Any:
        return None


def corked() -> tuple[CorkedTransport, list[object]]:
    inner = Transport()
    return CorkedTransport(cast("asyncio.Transport", inner)), inner.done


async def test_small_pieces_go_together() -> None:
    transport, done = corked()
    transport.write(b"head")
    transport.write(b"body")
    assert done == []
    await asyncio.sleep(0)
    assert done == [b"headbody"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert done == [b"headbody", b"next"]


async def test_large_pieces_go_at_once_and_in_order() -> None:
    transport, done = corked()
    large = b"x" * WAIT_BELOW_BYTES
    transport.write(b"head")
    transport.write(large)
    assert done == [b"head", large]
    await asyncio.sleep(0)
    assert len(done) == 2


async def test_nothing_is_lost_at_the_end() -> None:
    for end in ("close", "set_protocol"):
        transport, done = corked()
        transport.write(b"last")
        if end == "close":
            transport.close()
        else:
            transport.set_protocol(cast("asyncio.BaseProtocol", "set_protocol"))
        assert done == [b"last", end]

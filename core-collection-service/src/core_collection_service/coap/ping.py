"""Checks whether the CoAP server answers, with a ping (RFC 7252 section 4.3) through the kernel and back: a socket that
is not read any more can't be told from others inside of the process."""

import asyncio
import secrets
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Final

TIMEOUT_SECONDS: Final = 0.5
ATTEMPTS: Final = 3
"""A datagram may be dropped while many arrive."""
_LOOPBACK: Final = "::ffff:127.0.0.1"


class ReadTimeout(OSError):
    """No ping was answered."""


class _Ping(asyncio.DatagramProtocol):
    def __init__(self, ping: bytes) -> None:
        self._pong = b"\x70" + ping[1:]
        self.answered = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        del addr
        if data == self._pong and not self.answered.done():
            self.answered.set_result(None)


async def check_addresses(addresses: Sequence[tuple[str, int]]) -> None:
    """Ping these addresses at the same time. Raises `ReadTimeout` if one of them does not answer, and other kinds of
    `OSError` for what the network refuses."""
    await asyncio.gather(*(_check(host, port) for host, port in addresses))


async def _check(host: str, port: int) -> None:
    address = IPv6Address(host.partition("%")[0])
    is_unspecified = (address.ipv4_mapped or address).is_unspecified
    ping = b"\x40\x00" + secrets.token_bytes(2)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Ping(ping), remote_addr=(_LOOPBACK if is_unspecified else host, port)
    )
    try:
        for _ in range(ATTEMPTS):
            transport.sendto(ping)
            await asyncio.wait([protocol.answered], timeout=TIMEOUT_SECONDS)
            if protocol.answered.done():
                return
    finally:
        transport.close()
    raise ReadTimeout("CoAP does not answer.")

"""Whether a server of CoAP answers, asked from outside: a ping (RFC 7252 section 4.3) through the kernel and back,
since a socket that nobody reads any more looks well from within."""

import asyncio
import secrets
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Final

TIMEOUT_SECONDS: Final = 0.5
ATTEMPTS: Final = 3
"""A datagram may be dropped while many arrive."""
_HERE: Final = "::ffff:127.0.0.1"


class ReadTimeout(OSError):
    """Nothing was heard."""


class _Pinging(asyncio.DatagramProtocol):
    def __init__(self, ping: bytes) -> None:
        self._pong = b"\x70" + ping[1:]
        self.heard = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        del addr
        if data == self._pong and not self.heard.done():
            self.heard.set_result(None)


async def check_addresses(addresses: Sequence[tuple[str, int]]) -> None:
    """Raises `OSError` when one of them does not answer."""
    await asyncio.gather(*(_check(host, port) for host, port in addresses))


async def _check(host: str, port: int) -> None:
    address = IPv6Address(host.partition("%")[0])
    is_every = (address.ipv4_mapped or address).is_unspecified
    ping = b"\x40\x00" + secrets.token_bytes(2)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Pinging(ping), remote_addr=(_HERE if is_every else host, port)
    )
    try:
        for _ in range(ATTEMPTS):
            transport.sendto(ping)
            await asyncio.wait([protocol.heard], timeout=TIMEOUT_SECONDS)
            if protocol.heard.done():
                return
    finally:
        transport.close()
    raise ReadTimeout("CoAP does not answer.")

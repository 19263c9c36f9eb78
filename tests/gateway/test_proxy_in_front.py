"""docs/proxy.md: HAProxy as it is configured there, in front of the real gateway."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support.gateway import Start
from support.processes import until
from support.web_servers import listening

PAGE = (ROOT / "docs" / "proxy.md").read_text()
MOST = 100

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")


def configuration(port: int, gateway: int) -> str:
    """As it is printed, but for the two addresses and the certificate."""
    (printed,) = re.findall(r"```haproxy\n(.*?)```", PAGE, re.DOTALL)
    listening, ours = "bind :443 ssl crt /etc/haproxy/lightbox.pem alpn h2,http/1.1", "server gateway 127.0.0.1:8000"
    assert printed.count(listening) == printed.count(ours) == 1
    return (
        str(printed).replace(listening, f"bind 127.0.0.1:{port}").replace(ours, f"server gateway 127.0.0.1:{gateway}")
    )


@contextmanager
def haproxy(folder: Path, gateway: int) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    path = folder / "haproxy.cfg"
    path.write_text(configuration(port, gateway))
    with listening([str(shutil.which("haproxy")), "-db", "-f", str(path)], port) as url:
        yield url


def test_the_client_and_its_address_are_known(start: Start, tmp_path: Path) -> None:
    platform = start(trusted_proxies="127.0.0.1/32")
    client = httpx.HTTPTransport(local_address="127.0.0.2")
    with haproxy(tmp_path, platform.port) as url, httpx.Client(transport=client) as http:
        answer = http.get(f"{url}/api/models", headers={"Host": "lab.example", "X-Forwarded-For": "192.0.2.7"})
    assert answer.status_code == 200
    arrived = platform.service.last.headers
    assert (arrived["x-forwarded-proto"], arrived["x-forwarded-host"]) == ("https", "lab.example")
    assert arrived["x-forwarded-for"] == "127.0.0.2"  # and not what it says itself


def test_one_address_has_so_many_connections(start: Start, tmp_path: Path) -> None:
    platform = start()
    with haproxy(tmp_path, platform.port) as url, ExitStack() as stack:
        port = int(url.rsplit(":", 1)[1])
        # Some more, since the connection by which the start was noticed may still be counted.
        for _ in range(MOST + 10):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        # A connection is made by the system, and counted when one of HAProxy's threads has taken it.
        assert until(lambda: not _answers(url))
        stack.close()
        assert until(lambda: _answers(url))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/models").status_code == 200
    except httpx.TransportError:
        return False

"""docs/proxy.md: HAProxy as it is configured there, in front of the real gateway; nginx and Caddy take theirs."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support.gateway import Start
from support.processes import until
from support.web_servers import listening

from gateway.config import GatewaySettings
from gateway.routes import TABLE

PAGE = (ROOT / "docs" / "proxy.md").read_text()
MOST = 100

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")


def block(language: str) -> str:
    (printed,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(printed)


def seconds(language: str, directive: str) -> int:
    (printed,) = re.findall(rf"^ *{directive} (\d+)s", block(language), re.MULTILINE)
    return int(printed)


def configuration(port: int, gateway: int) -> str:
    """As it is printed, but for the two addresses and the certificate."""
    printed = block("haproxy")
    listening, ours = "bind :443 ssl crt /etc/haproxy/lightbox.pem alpn h2,http/1.1", "server gateway 127.0.0.1:8000"
    assert printed.count(listening) == printed.count(ours) == 1
    return printed.replace(listening, f"bind 127.0.0.1:{port}").replace(ours, f"server gateway 127.0.0.1:{gateway}")


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

        def is_full_with_one_more() -> bool:
            # HAProxy's threads count the connections that they are about to refuse too: of two that come at once when
            # one is left, both may be refused, so that it is full only some connections later.
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            return not _answers(url)

        for _ in range(MOST - 10):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert _answers(url)
        assert until(is_full_with_one_more)
        stack.close()
        assert until(lambda: _answers(url))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/models").status_code == 200
    except httpx.TransportError:
        return False


def test_the_times_are_the_right_way_round() -> None:
    """As the page's table says of them."""
    longest = max(route.timeout for route in TABLE)
    assert seconds("haproxy", "timeout server") > longest
    assert seconds("nginx", "proxy_read_timeout") > longest
    idle = GatewaySettings.model_fields["header_timeout_seconds"].default
    assert seconds("nginx", "keepalive_timeout") < idle
    assert seconds("caddy", "keepalive") < idle


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_it(tmp_path: Path) -> None:
    """But for the port and the certificate."""
    site = re.sub(r"^ *ssl_certificate.*\n", "", block("nginx"), flags=re.MULTILINE)
    site = site.replace("listen 443 ssl http2;", "listen 127.0.0.1:8443 http2;")
    path = tmp_path / "nginx.conf"
    path.write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off;\n{site} }}")
    _succeeds("nginx", "-t", "-q", "-p", str(tmp_path), "-c", str(path), "-e", "stderr")


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
def test_caddy_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "Caddyfile"
    path.write_text(block("caddy"))
    adapted = _succeeds("caddy", "adapt", "--config", str(path), "--adapter", "caddyfile")
    assert '"idle_conn_timeout":20000000000' in adapted or '"idle_timeout":20000000000' in adapted


def _succeeds(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

"""Real servers on this machine: the gateway, an auth-service that signs with a key of the test, a service that shows
what arrived."""

import asyncio
import json
import socket
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import uvicorn
import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jwt
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import Gateway
from gateway.server import STALLED_SECONDS, listen
from lightbox_shared.auth.principal import Authority

KID = "test-key"
ISSUER = "http://127.0.0.1:8000"


class PromptServer(uvicorn.Server):
    """Notices at once that it shall leave; uvicorn looks ten times a second."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        if not await self.on_tick(0):
            await self._leaving.wait()

    def leave(self) -> None:
        if not self.should_exit:
            self.should_exit = True
            self._loop.call_soon_threadsafe(self._leaving.set)


class Server:
    """uvicorn in a thread, on a port of its own."""

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
            lifespan="on",
        )
        self._server = PromptServer(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                message = "the server did not start"
                raise RuntimeError(message)
            time.sleep(0.005)

    def leave(self) -> None:
        """Ask it to stop, without waiting."""
        self._server.leave()

    def stop(self) -> None:
        self.leave()
        self._thread.join(10)
        self._socket.close()


class GatewayServer:
    """The gateway in a thread, on a port of its own, by the server that it has in production."""

    def __init__(self, gateway: Gateway, *, stalled_seconds: float = STALLED_SECONDS) -> None:
        self._gateway = gateway
        self._server = gateway.server()
        self._listener = listen("127.0.0.1", 0, stalled_seconds=stalled_seconds)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._loop, self._leaving = self._started.result(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        leaving = asyncio.Event()
        async with self._gateway.open() as app:
            self._server.start(app, self._listener)
            self._started.set_result((asyncio.get_running_loop(), leaving))
            await leaving.wait()
            await self._server.stop(grace_seconds=0.5)

    def requests(self) -> int:
        """How many requests are being answered."""
        return len(self._server._requests)

    def leave(self) -> None:
        """Ask it to stop, without waiting."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._leaving.set)

    def stop(self) -> None:
        self.leave()
        self._thread.join(10)


class Key:
    """A signing key, its public half, and tokens made with it."""

    def __init__(self, kid: str = KID) -> None:
        self.kid = kid
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._private = jwk.construct(pem, "RS256")  # once: reading a PEM takes 35 ms, signing less than one
        public = key.public_key()
        self.public_pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_der = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        numbers = public.public_numbers()
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": _number(numbers.n), "e": "AQAB"}

    def token(self, *, headers: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
        """A good token of account 7, session 5, doctor; `claims` and `headers` change it."""
        now = int(time.time())
        body = {
            "iss": ISSUER,
            "aud": "lightbox",
            "sub": "account:7",
            "authority": int(Authority.DOCTOR),
            "sid": 5,
            "jti": "token-1",
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        body.pop(without, None)
        return jwt.encode(body, self._private, "RS256", headers={"typ": "at+jwt", "kid": self.kid, **(headers or {})})


def _number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


async def _lifespan(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


async def answer(
    send: Send, body: bytes = b"{}", status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """A whole answer, as JSON unless `headers` say otherwise."""
    headers = headers if headers is not None else [(b"content-type", b"application/json")]
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class FakeAuth:
    """auth-service's internal paths."""

    keys: list[Key]
    revoked: list[dict[str, int]] = field(default_factory=list)
    down: bool = False
    jwks_calls: int = 0
    polls: list[str | None] = field(default_factory=list)
    refuse_tokens_once: bool = False
    tokens_given: int = 0
    ready: bool = True
    api_keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key -> the claims of its token."""
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    exchanging: int = 0
    most_exchanging: int = 0
    exchange_seconds: float = 0.0
    exchange_life: int = 90
    exchange_answer: tuple[int, bytes, list[tuple[bytes, bytes]]] | None = None
    """Instead of a token."""
    refuse_exchanges: int = 0
    """So often the gateway's own token is refused."""
    client: bytes = b"Basic Y2xpZW50OnNlY3JldA=="
    """The credentials of the only OAuth client."""
    introspections: int = 0
    origins: list[str] = field(default_factory=list)
    """Of the OAuth clients that are registered."""

    def revoke(self, session: int) -> None:
        self.revoked.append({"sid": session, "exp": int(time.time()) + 600})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        path, headers = scope["path"], dict(scope["headers"])
        if self.down:
            await answer(send, status=503)
        elif path == "/.well-known/jwks.json":
            self.jwks_calls += 1
            await answer(send, json.dumps({"keys": [key.jwk for key in self.keys]}).encode())
        elif path == "/oauth/token":
            assert headers[b"authorization"].startswith(b"Basic ")
            self.tokens_given += 1
            await answer(send, b'{"access_token":"service","expires_in":600}')
        elif path == "/internal/oauth/origins":
            await answer(send, json.dumps({"origins": self.origins}).encode())
        elif path == "/internal/revocations":
            if self.refuse_tokens_once:
                self.refuse_tokens_once = False
                await answer(send, status=401)
                return
            assert headers[b"authorization"] == b"Bearer service"
            query = scope["query_string"].decode()
            after = query.removeprefix("after=") if query else None
            self.polls.append(after)
            news = self.revoked[int(after or 0) :]
            await answer(send, json.dumps({"cursor": str(len(self.revoked)), "revoked": news}).encode())
        elif path == "/internal/api-keys/exchange":
            assert headers[b"authorization"] == b"Bearer service"
            await self._exchange(json.loads((await receive())["body"]), send)
        elif path == "/oauth/introspect":
            self.introspections += 1
            await answer(send, status=200 if headers.get(b"authorization") == self.client else 401)
        elif path == "/readyz":
            await answer(send, READY, 200 if self.ready else 503)
        elif path == "/openapi.json":
            await answer(send, status=404)
        else:
            await answer(send, b'{"from":"auth"}')

    async def _exchange(self, asked: dict[str, Any], send: Send) -> None:
        self.exchanges.append(asked)
        self.exchanging += 1
        self.most_exchanging = max(self.most_exchanging, self.exchanging)
        await asyncio.sleep(self.exchange_seconds)
        self.exchanging -= 1
        claims = self.api_keys.get(asked["key"])
        if self.refuse_exchanges:
            self.refuse_exchanges -= 1
            await answer(send, b'{"type":"/problems/invalid-token"}', 401)
        elif self.exchange_answer is not None:
            status, body, headers = self.exchange_answer
            await answer(send, body, status, headers)
        elif claims is None:
            await answer(send, b'{"type":"/problems/invalid-api-key"}', 401)
        else:
            token = self.keys[0].token(jti=f"exchange-{len(self.exchanges)}", **claims)
            granted = {"access_token": token, "expires_in": self.exchange_life}
            await answer(send, json.dumps(granted).encode())


@dataclass
class Seen:
    """A request as it reached the service."""

    method: str
    path: bytes
    query: bytes
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    disconnected: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.raw_headers}


Behaviour = Callable[[Seen, Receive, Send], Any]


READY: Final = b'{"status":"ready","checks":{"database":"ok","disk":"ok"}}'


@dataclass
class FakeService:
    """A service that keeps what arrives, and answers `{"ok": true}` or as `behave` wants."""

    seen: list[Seen] = field(default_factory=list)
    behave: Behaviour | None = None
    chunks: int = 0
    readiness: bytes = READY
    openapi: dict[str, Any] | None = None

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["path"] == "/openapi.json":
            await answer(send, json.dumps(self.openapi or {}).encode(), 200 if self.openapi else 404)
            return
        if scope["path"] == "/readyz":
            await answer(send, self.readiness)
            return
        seen = Seen(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"])
        self.seen.append(seen)
        if self.behave is not None:
            await self.behave(seen, receive, send)
            return
        while True:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                seen.disconnected = True
                return
            seen.body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await answer(send, b'{"ok":true}')


async def raw(port: int, request: bytes, *, timeout: float = 5.0) -> bytes:  # noqa: ASYNC109
    """Send bytes, read until the server closes or is silent for `timeout` seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(request)
        async with asyncio.timeout(timeout):
            while chunk := await reader.read(65536):
                received += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return received


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the other side is a thread
            await asyncio.sleep(0.01)


@dataclass
class Platform:
    """What a test drives."""

    key: Key
    auth: FakeAuth
    service: FakeService
    gateway: GatewayServer
    auth_server: Server
    service_server: Server
    http: httpx.Client

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.token()}"}

    @property
    def port(self) -> int:
        return self.gateway.port

    def gateway_requests(self) -> int:
        """How many requests the gateway is answering."""
        return self.gateway.requests()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.gateway.url, timeout=10)


Start = Callable[..., Platform]

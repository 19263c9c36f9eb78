"""The time in which the gateway authenticates a request: its own code in a loop, without a network."""

import asyncio
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jwt
from starlette.types import Message

from benchmarks.harness import Effort, Result, Row, Suite, progress
from gateway.api_keys import ApiKeys
from gateway.authentication import Authenticator
from gateway.clients.auth import ExchangedToken, RevocationPage
from gateway.config import GatewaySettings
from gateway.csrf import CsrfProtection
from gateway.limits import RateLimits
from gateway.public_address import PublicAddress
from gateway.request_state import RequestState
from gateway.revocations import Revocations
from gateway.routes import Route, Routes
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Authority
from lightbox_shared.auth.tokens import ALGORITHM, AUDIENCE, TOKEN_TYPE, TokenVerifier
from lightbox_shared.errors import InvalidToken

ISSUER: Final = "http://127.0.0.1:8000"
KID: Final = "benchmark"
PATH: Final = "/api/predictions"
TOKENS: Final = 1000
REVOKED: Final = 1000
MICRO: Final = 1e6

SEEN: Final = Row(
    "gateway-token-seen",
    "Time that the gateway takes to find out who calls (header read, token looked up, revocations and scope looked"
    " at), for a token that it has checked before.",
    "us",
    bound=20,
    judged="value",
    better="less",
)
NEW: Final = Row(
    "gateway-token-new",
    "The same for a token that it sees for the first time: RS256 with a key of 2,048 bits, and all claims.",
    "us",
    bound=150,
    judged="value",
    better="less",
)


class Feed:
    """A feed of revoked sessions, which are not those of the benchmark."""

    async def after(self, cursor: str | None) -> RevocationPage:
        """All revoked sessions, on one page."""
        revoked = {} if cursor else {session: int(time.time()) + 3600 for session in range(1, REVOKED + 1)}
        return RevocationPage("end", revoked)


class NoKeys:
    """An issuer that accepts no API key."""

    async def exchange(self, key: str, address: str) -> ExchangedToken:  # noqa: ARG002 - the signature is TokenExchange's
        """Refuse the key. Raises `InvalidToken`."""
        raise InvalidToken


def sign(count: int) -> tuple[dict[str, Any], list[str]]:
    """A JWK set and a number of tokens that are signed by one of its keys."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    public = jwk.construct(pem, ALGORITHM).public_key().to_dict()
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "account:7",
        "client_id": "lightbox",
        "iat": now,
        "exp": now + 3600,
        "authority": int(Authority.DOCTOR),
        "sid": REVOKED + 1,
    }
    header = {"typ": TOKEN_TYPE, "kid": KID}
    tokens = [jwt.encode({**claims, "jti": f"token-{each}"}, pem, ALGORITHM, header) for each in range(count)]
    return {"keys": [{**public, "kid": KID, "use": "sig"}]}, tokens


def request_with(token: str) -> RequestState:
    """A request with a token, as the web server passes it to the gateway."""
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"benchmark"),
        (b"accept", b"application/json"),
        (b"authorization", f"Bearer {token}".encode()),
    ]

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        return None

    return RequestState({"method": "GET", "path": PATH, "headers": headers}, receive, send)


async def rounds(row: Row, effort: Effort) -> list[float]:
    """The time for a request, in microseconds, in each round."""
    document, tokens = sign(TOKENS if row is NEW else 1)

    async def fetch() -> dict[str, Any]:
        return document

    keys = KeySet(fetch)
    await keys.find(KID)
    revocations = Revocations(Feed())
    await revocations.poll()
    route = Routes().find(PATH, "GET")
    assert route is not None
    requests = [request_with(token) for token in tokens]

    def authenticator() -> Authenticator:
        """An `Authenticator` that has not verified any token."""
        verifier = TokenVerifier(keys, issuer=ISSUER)
        limits = RateLimits.from_settings(GatewaySettings())
        csrf = CsrfProtection(frozenset())
        keys_of_programs, address = ApiKeys(NoKeys(), limits), PublicAddress(None)
        return Authenticator(
            verifier, revocations, keys_of_programs, csrf, limits, address=address, cookie="lightbox_session"
        )

    if row is SEEN:
        known = authenticator()
        repeated = requests * TOKENS
        await known.authenticate(requests[0], route)
        return [await _round(lambda: known, repeated, route, effort.seconds) for _ in range(effort.rounds)]
    return [await _round(authenticator, requests, route, effort.seconds) for _ in range(effort.rounds)]


async def _round(
    make: Callable[[], Authenticator], requests: list[RequestState], route: Route, seconds: float
) -> float:
    spent, count, end = 0.0, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        authenticator = make()
        begin = time.perf_counter()
        for exchange in requests:
            await authenticator.authenticate(exchange, route)
        spent += time.perf_counter() - begin
        count += len(requests)
    return spent / count * MICRO


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows."""
    for row in (SEEN, NEW):
        if row.id in wanted:
            times = asyncio.run(rounds(row, effort))
            listed = ", ".join(f"{each:.1f}" for each in times)
            progress(f"{row.id}: {listed} {row.unit}")
            yield row.id, Result(f"rounds {listed} us", statistics.median(times))


SUITE: Final = Suite((SEEN, NEW), measure)

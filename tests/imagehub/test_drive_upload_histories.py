"""Random histories of upload sessions: whatever is sent in whatever order, the answers are those of the rules, and a
file that comes out is the one that was meant."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.asgi import WithState, client_of, running
from support.drives import UNIT, Drive, put_and_break, range_of, some_bytes
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app

EXAMPLES = 25
STEPS = 16
SESSIONS = 2

Answer = TypeVar("Answer")
WHICH = st.integers(0, SESSIONS - 1)


@dataclass
class Bench:
    """A service that runs on another thread."""

    portal: BlockingPortal
    drive: Drive

    def call(self, work: Callable[..., Awaitable[Answer]], *arguments: object) -> Answer:
        return self.portal.call(work, *arguments)


@dataclass
class Model:
    """What the rules say about a session."""

    url: str
    data: bytes
    received: int = 0
    total: int | None = None
    ended: bool = False
    item: str | None = None

    def status(self, start: int, end: int, total: int, sent: int) -> int:
        """The status of the answer to a chunk."""
        if self.ended:
            return 404
        last = end == total
        if not 0 <= start < end <= total or sent != end - start or (not last and (end - start) % UNIT):
            return 400
        if self.total not in {None, total} or start > self.received:
            return 400
        if start < self.received:
            return 416
        return 201 if last else 202


class Histories(RuleBasedStateMachine):
    """Two sessions of one folder, for files of the same name."""

    bench: ClassVar[Bench]

    @initialize(sizes=st.lists(st.integers(1, 4 * UNIT), min_size=SESSIONS, max_size=SESSIONS))
    def begin(self, sizes: list[int]) -> None:
        drive = self.bench.drive
        self.folder = self.bench.call(drive.add_folder)
        self.models = [
            Model(self.bench.call(drive.session, self.folder), some_bytes(size, seed))
            for seed, size in enumerate(sizes)
        ]

    def _put(self, which: int, start: int, end: int, *, total: int | None = None, more: int = 0) -> None:
        """Send the chunk; with `total` another one than the file's, with `more` or less bytes than announced."""
        model = self.models[which]
        size = len(model.data)
        body = (model.data + bytes(UNIT))[start : max(start, end + more)]
        expected = model.status(start, end, total or size, len(body))
        headers = range_of(start, end, total or size)
        answer = self.bench.call(lambda: self.bench.drive.hub.http.put(model.url, content=body, headers=headers))
        assert answer.status_code == expected, answer.text
        if expected == 202:
            model.received, model.total = end, total or size
            assert answer.json()["nextExpectedRanges"] == [f"{end}-"]
        elif expected == 201:
            model.ended, model.item = True, answer.json()["id"]
        else:
            assert set(answer.json()["error"]) == {"code", "message", "innerError"}

    @rule(which=WHICH, units=st.integers(1, 3))
    def next_chunk(self, which: int, units: int) -> None:
        model = self.models[which]
        start = min(model.received, len(model.data) - 1)
        self._put(which, start, min(len(model.data), start + units * UNIT))

    @rule(which=WHICH, start=st.integers(0, 4), units=st.integers(1, 4), odd=st.integers(-1, 1))
    def any_chunk(self, which: int, start: int, units: int, odd: int) -> None:
        self._put(which, start * UNIT, min(len(self.models[which].data), (start + units) * UNIT + odd))

    @rule(which=WHICH, more=st.sampled_from((-UNIT, -1, 1, UNIT)))
    def chunk_of_another_length(self, which: int, more: int) -> None:
        model = self.models[which]
        self._put(which, model.received, min(len(model.data), model.received + UNIT), more=more)

    @rule(which=WHICH, total=st.integers(1, 5 * UNIT))
    def chunk_with_another_total(self, which: int, total: int) -> None:
        model = self.models[which]
        if total != len(model.data):
            self._put(which, UNIT, min(2 * UNIT, total), total=total)

    @rule(which=WHICH, sent=st.integers(0, UNIT - 1))
    def broken_connection(self, which: int, sent: int) -> None:
        model = self.models[which]
        start, end = model.received, min(len(model.data), model.received + UNIT)
        headers = {**range_of(start, max(end, start + 1), len(model.data)), "Content-Length": str(UNIT)}

        async def parts() -> AsyncIterator[bytes]:
            yield model.data[start : min(start + sent, end - 1)]

        statuses = self.bench.call(put_and_break, self.bench.drive.hub.service, model.url, headers, parts())
        assert all(400 <= status < 500 for status in statuses)

    @rule(which=WHICH)
    def give_up(self, which: int) -> None:
        model = self.models[which]
        answer = self._ask("DELETE", model)
        assert answer.status_code == (404 if model.ended else 204)
        model.ended = True

    @invariant()
    def the_states_are_those_of_the_rules(self) -> None:
        for model in self.models:
            answer = self._ask("GET", model)
            assert answer.status_code == (404 if model.ended else 200)
            if not model.ended:
                assert answer.json()["nextExpectedRanges"] == [f"{model.received}-"]

    def teardown(self) -> None:
        drive = self.bench.drive
        if not hasattr(self, "models"):
            return
        files = self.bench.call(drive.folders)[self.folder]["files"]
        done = [model for model in self.models if model.item is not None]
        assert {model.item for model in done} == set(files)
        for model in done:
            assert self.bench.call(drive.stored, model.item) == model.data

    def _ask(self, method: str, model: Model) -> httpx.Response:
        return self.bench.call(self.bench.drive.hub.http.request, method, model.url)


@pytest.fixture
def bench(make_settings: MakeHubSettings, signing_key: Key) -> Iterator[Bench]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running(create_app(make_settings()))) as app,
    ):
        service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
        with portal.wrap_async_context_manager(client_of(service)) as http:
            yield Bench(portal, Drive(Hub(service, http, signing_key)))


def test_random_histories(bench: Bench) -> None:
    class WithBench(Histories):
        pass

    WithBench.bench = bench
    run_state_machine_as_test(
        WithBench,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""annotation-service on a database of its own, under real ASGI."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import collection_audit
from support.annotation import SECRET_KEY, KeptAudit, Lab, MakeAnnotationSettings
from support.annotation_peers import Peers, connected
from support.asgi import WithState, client_of, running
from support.collection import core_settings_at, trusting
from support.databases import FreshDatabase
from support.gateway import Key
from support.imagehub import running_hub
from support.inference import running_inference
from support.kit import verifier_of

from annotation_service.accounts.service import KnownAccounts
from annotation_service.app import create_app
from annotation_service.assignments.service import Assignments
from annotation_service.clients.accounts import AccountChanges
from annotation_service.config import AnnotationSettings
from annotation_service.deletions.service import Deletions
from annotation_service.exports.download import Downloads
from annotation_service.exports.service import Exports
from annotation_service.state import Services
from core_collection_service.app import create_app as create_core_app
from lightbox_shared.concurrency.bounded_threads import BoundedThreads


@pytest.fixture(scope="session")
def signing_key() -> Key:
    """The key that signs the tokens of these tests."""
    return Key()


@pytest.fixture
def make_settings(fresh_database: Callable[[str], str], tmp_path: Path) -> MakeAnnotationSettings:
    url = fresh_database("annotation_service")

    def make(**changes: object) -> AnnotationSettings:
        common: dict[str, object] = {
            "database_url": url,
            "data_dir": tmp_path,
            "secret_key": SECRET_KEY,
            "port": 9,  # where other services do not answer, unless a test says where they are
        }
        return AnnotationSettings(**{**common, **changes})  # type: ignore[arg-type]

    return make


class NoFurtherChanges:
    """A source of accounts that has told everything: the tests insert those that they need."""

    async def changes(self, cursor: str | None) -> AccountChanges:
        return AccountChanges(accounts=[], next_cursor=cursor or "1", more=False)


@pytest.fixture
async def service(make_settings: MakeAnnotationSettings, signing_key: Key) -> AsyncIterator[WithState]:
    async with running(create_app(make_settings())) as app:
        known = KnownAccounts(app.state["database"], NoFurtherChanges())
        audit = KeptAudit()
        started: Services = app.state["services"]
        exports = Exports(started.database, audit, started.exports.wake)
        downloads = Downloads(started.database, audit)
        threads = BoundedThreads(1, max_waiting=8, busy="Too many assignments.")
        assignments = Assignments(started.database, known, started.schemes, threads)
        deletions = Deletions(started.database, audit)
        services = replace(
            started,
            accounts=known,
            assignments=assignments,
            deletions=deletions,
            exports=exports,
            downloads=downloads,
        )
        own = {"tokens": verifier_of(signing_key), "services": services, "audit": audit}
        yield WithState(app.app, {**app.state, **own})


@pytest.fixture
async def lab(service: WithState, signing_key: Key) -> AsyncIterator[Lab]:
    async with client_of(service) as client:
        yield Lab(service, client, signing_key)


@pytest.fixture
async def peers(lab: Lab, fresh_database: FreshDatabase, tmp_path: Path, signing_key: Key) -> AsyncIterator[Peers]:
    """The lab with the services that have pictures and models."""
    core_settings = core_settings_at(fresh_database("core_collection_service"), tmp_path)()
    async with (
        running_inference(fresh_database("inference_service"), tmp_path, signing_key) as inference,
        running(create_core_app(core_settings)) as core,
        running_hub(fresh_database("imagehub_service"), tmp_path, signing_key) as hub,
        connected(
            lab, inference, trusting(collection_audit.with_audit(core, collection_audit.KeptAudit()), signing_key), hub
        ) as found,
    ):
        yield found

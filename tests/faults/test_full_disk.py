"""The disk of a whole platform is filled: by uploads, and then to its last byte.

Every answer is a success, 507, or while the database starts again 503, in the form of its system. What is small goes on
as long as it can, reading always does, nothing that was acknowledged is lost, and when there is room again everything
works without help.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.full_disk import Clients, fill, free_bytes, noise, small_disk
from support.running import temporary_folder
from support.tending import RECOVERY_SECONDS, kill_service, tended_platform

from lightbox.run.platform import Platform
from lightbox.run.postgres import PostgresError
from lightbox.run.process import Child

DISK_BYTES = 260 * 1024 * 1024
RESERVE_BYTES = 56 * 1024 * 1024
SPARE_BYTES = 40 * 1024 * 1024
WAL = ("max_wal_size = '48MB'", "min_wal_size = '32MB'", "checkpoint_timeout = '30s'")
LIMITS_OFF = {f"LIGHTBOX_RATE_{name}": "off" for name in ("UPLOAD", "OPEN", "SIGN_IN")}


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with temporary_folder() as folder, small_disk(folder, DISK_BYTES):
        yield folder


@pytest.fixture(scope="module")
def platform(disk: Path) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(disk))  # for the platform's data, and for uploads on their way
        patch.setattr(tempfile, "tempdir", None)
        with tended_platform(LIGHTBOX_DISK_RESERVE_BYTES=str(RESERVE_BYTES), **LIMITS_OFF) as tended:
            assert tended.postgres is not None
            for setting in WAL:
                tended.postgres.sql(f"ALTER SYSTEM SET {setting}")
            tended.postgres.sql("SELECT pg_reload_conf()")
            yield tended


@pytest.fixture(scope="module")
def clients(platform: Platform) -> Iterator[Clients]:
    with Clients.of(platform) as clients:
        yield clients


def eventually(succeeds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not succeeds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def has_restarted(child: Child, restarts: int) -> bool:
    return child.restarts > restarts


def readiness(platform: Platform) -> httpx.Response:
    return httpx.get(f"{platform.url}/readyz", timeout=30)


def gauge(service_url: str, name: str) -> float:
    """The value of a metric for the folder of the database."""
    families = text_string_to_metric_families(httpx.get(f"{service_url}/metrics").text)
    (found,) = (
        each.value
        for family in families
        for each in family.samples
        if each.name == name and each.labels["folder"] == "database"
    )
    return found


def until_refused(clients: Clients, disk: Path) -> None:
    """Upload to each system until each refuses."""
    deadline = time.monotonic() + 60
    open_ones = list(clients.uploads)
    while open_ones:
        assert time.monotonic() < deadline, (clients.statuses, free_bytes(disk))
        data = noise()
        open_ones = [upload for upload in open_ones if upload(data) not in {503, 507}]


def test_uploads_leave_a_reserve(platform: Platform, clients: Clients, disk: Path) -> None:
    spare = disk / "spare"
    spare.write_bytes(bytes(SPARE_BYTES))
    until_refused(clients, disk)
    assert clients.statuses <= {200, 201, 202, 507}
    assert free_bytes(disk) > RESERVE_BYTES // 2
    rest = disk / "rest"
    rest.write_bytes(bytes(max(0, free_bytes(disk) - RESERVE_BYTES) + 1024 * 1024))
    eventually(lambda: all(upload(noise(50)) == 507 for upload in clients.uploads))  # small ones as well
    # What is small goes on, and reading does.
    assert clients.sign_up().status_code == 200
    assert clients.covid(noise(200)) == 200
    clients.assert_all_are_there()
    answer = readiness(platform)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    services = answer.json()["services"]
    assert set(services.values()) == {"disk: no room for pictures"}, services
    collection = platform.settings.local_url("core-collection-service")
    own = httpx.get(f"{collection}/readyz")
    assert (own.status_code, own.json()["checks"]) == (
        200,
        {"database": "ok", "disk": "no room for pictures", "coap": "ok"},
    )
    assert gauge(collection, "lightbox_disk_reserve_bytes") == RESERVE_BYTES
    assert 0 < gauge(collection, "lightbox_disk_free_bytes") < DISK_BYTES
    # And when there is room, uploads do.
    spare.unlink()
    rest.unlink()
    eventually(lambda: clients.chexray(noise(1000)) == 201)
    eventually(lambda: readiness(platform).json()["status"] == "ready")
    for upload in clients.uploads:
        assert upload(noise(300)) in {200, 201}
    clients.assert_all_are_there()


def test_the_disk_is_full_to_its_last_byte(platform: Platform, clients: Clients, disk: Path) -> None:
    assert platform.postgres is not None
    clients.statuses.clear()
    ballast = fill(disk)
    for _ in range(4):
        with suppress(PostgresError):  # so that the database needs another file for its log
            platform.postgres.sql("SELECT pg_switch_wal()")
        clients.sign_up()
        for upload in (*clients.uploads, clients.covid):
            upload(noise(200))
    assert 507 in clients.statuses
    ballast.unlink()
    eventually(lambda: clients.sign_up().status_code == 200)
    eventually(lambda: all(upload(noise(100)) in {200, 201} for upload in clients.uploads))
    clients.assert_all_are_there()
    eventually(lambda: readiness(platform).json()["status"] == "ready")


def test_without_a_reserve(platform: Platform, clients: Clients, disk: Path) -> None:
    for name in ("inference-service", "core-collection-service", "annotation-service", "imagehub-service"):
        child = platform.children[name]
        child.environment = {**child.environment, "LIGHTBOX_DISK_RESERVE_BYTES": "0"}
        restarts = child.restarts
        kill_service(platform, name)
        eventually(partial(has_restarted, child, restarts))
    eventually(lambda: readiness(platform).status_code == 200)
    clients.statuses.clear()
    spare = disk / "spare"
    spare.write_bytes(bytes(SPARE_BYTES))
    until_refused(clients, disk)
    for _ in range(2):
        for upload in clients.uploads:
            upload(noise(600))
    assert 507 in clients.statuses
    spare.unlink()
    eventually(lambda: all(upload(noise(100)) in {200, 201} for upload in clients.uploads))
    clients.assert_all_are_there()

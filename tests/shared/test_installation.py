"""The one list of services, and that all that can't read it says the same."""

import re
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

from lightbox_shared.installation import SERVICE_NAMES, SERVICES, service_named
from lightbox_shared.process.ports import port_of


def test_names_follow_from_the_name() -> None:
    core = service_named("core-collection-service")
    assert (core.package, core.short_name, core.database) == (
        "core_collection_service",
        "core_collection",
        "lightbox_core_collection",
    )
    assert not service_named("gateway").has_database
    with pytest.raises(KeyError):
        service_named("no-service")


def test_ports_are_different() -> None:
    assert port_of("gateway", 9000) == 9000
    assert len({service.port_offset for service in SERVICES}) == len(SERVICES)


def test_every_service_has_its_folder_and_package() -> None:
    for service in SERVICES:
        project = tomllib.loads((ROOT / service.name / "pyproject.toml").read_text())["project"]
        assert project["name"] == f"lightbox-{service.name}"
        assert (ROOT / service.name / "src" / service.package / "app.py").exists()


def test_it_needs_only_the_standard_library() -> None:
    """`make` reads it before there is an environment."""
    program = ROOT / "shared" / "src" / "lightbox_shared" / "installation.py"
    shown = subprocess.run([sys.executable, "-I", "-S", str(program)], capture_output=True, text=True, check=True)
    assert tuple(shown.stdout.split()) == SERVICE_NAMES


def test_compose_has_every_service() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    for service in SERVICES:
        assert re.search(rf"^  {service.name}:$", compose, re.MULTILINE)
        if service.has_database:
            assert f"{service.short_name.upper()}_DATABASE_PASSWORD" in compose

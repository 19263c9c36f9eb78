"""docs/settings.md names every setting, with its default, and nothing else."""

import re
from typing import Any

import pytest
from conftest import ROOT

from annotation_service.config import AnnotationSettings
from auth_service.config import AuthSettings
from core_collection_service.config import CoreSettings
from gateway.config import GatewaySettings
from imagehub_service.config import ImageHubSettings
from inference_service.config import InferenceSettings
from lightbox.environment import names as environment_names
from lightbox.environment import text as environment_file
from lightbox_shared.config import Settings

PAGE = (ROOT / "docs" / "settings.md").read_text()
GROUPS: dict[str, type[Settings]] = {
    "Every service": Settings,
    "gateway": GatewaySettings,
    "auth-service": AuthSettings,
    "inference-service": InferenceSettings,
    "imagehub-service": ImageHubSettings,
    "annotation-service": AnnotationSettings,
    "core-collection-service": CoreSettings,
}
NEEDED = {"LIGHTBOX_DATABASE_URL": "postgresql:///x", "LIGHTBOX_SECRET_KEY": "s" * 32}


def fields_of(settings: type[Settings]) -> set[str]:
    """The variables of a service, without those that all services have."""
    common = set() if settings is Settings else set(Settings.model_fields)
    return {f"LIGHTBOX_{name.upper()}" for name in set(settings.model_fields) - common}


def rows_of(group: str) -> dict[str, str]:
    """The variables and their defaults in a section of the page."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (own,) = [each for each in section if each.startswith(f"{group}\n")]
    return dict(re.findall(r"^\| `(LIGHTBOX_\w+)` \| (`[^`]+`|-) \|", own, re.MULTILINE))


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_is_on_the_page(group: str) -> None:
    assert set(rows_of(group)) == fields_of(GROUPS[group])


def test_the_page_names_no_other() -> None:
    named = set(re.findall(r"LIGHTBOX_[A-Z0-9_]*[A-Z0-9]", PAGE))
    of_compose = {name for name in environment_names() if name.startswith("LIGHTBOX_")}
    assert named == set().union(of_compose, *map(fields_of, GROUPS.values()))


@pytest.mark.parametrize(("group", "name", "default"), [(g, *row) for g in GROUPS for row in rows_of(g).items()])
def test_the_defaults_are_right(monkeypatch: pytest.MonkeyPatch, group: str, name: str, default: str) -> None:
    """The defaults on the page, set as variables, must result in the default settings."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for other in set().union(*map(fields_of, GROUPS.values())):
        monkeypatch.delenv(other, raising=False)
    field = name.removeprefix("LIGHTBOX_").lower()
    if default == "-":
        assert not _plain(GROUPS[group].model_fields[field].default)
        return
    for needed, value in NEEDED.items():
        monkeypatch.setenv(needed, value)
    unset = getattr(GROUPS[group](), field)
    monkeypatch.setenv(name, default.strip("`"))
    assert getattr(GROUPS[group](), field) == unset


def _plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def test_the_page_names_what_compose_reads() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    read = set(re.findall(r"\$\{(\w+)", compose))
    written = set(re.findall(r"^(\w+)=", environment_file(), re.MULTILINE))
    assert read <= written
    missing = {name for name in written if f"`{name}`" not in PAGE}
    assert missing == set()

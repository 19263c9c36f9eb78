"""The settings that all services have."""

import pytest
from pydantic import ValidationError

from auth_service.config import AuthSettings
from core_collection_service.config import CoreSettings
from gateway.config import GatewaySettings
from inference_service.config import InferenceSettings
from lightbox_shared.config import Settings


@pytest.mark.parametrize("kind", [Settings, GatewaySettings, AuthSettings, InferenceSettings])
def test_a_wrong_value_is_not_shown(monkeypatch: pytest.MonkeyPatch, kind: type[Settings]) -> None:
    """A secret may have been put into the wrong variable."""
    monkeypatch.setenv("LIGHTBOX_DATABASE_POOL_SIZE", "sesame99")
    with pytest.raises(ValidationError, match="database_pool_size") as raised:
        kind()
    assert "sesame99" not in str(raised.value)


def test_secrets_are_not_shown() -> None:
    settings = Settings.model_validate({"client_secret": "sesame99", "secret_key": "sesame99" * 4})
    assert "sesame99" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()
    assert settings.own_secret() == "sesame99" * 4


@pytest.mark.parametrize("secret", ["", "s" * 31])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="LIGHTBOX_SECRET_KEY must have at least 32 characters"):
        Settings.model_validate({"secret_key": secret}).own_secret()


def test_the_services_follow_the_gateway() -> None:
    settings = Settings(port=9000)
    assert settings.auth_service_url == "http://127.0.0.1:9001"
    assert settings.local_url("inference-service") == "http://127.0.0.1:9002"


def test_the_issuer_is_where_the_gateway_is() -> None:
    assert Settings().issuer == "http://127.0.0.1:8000"
    assert Settings(port=9000).issuer == "http://127.0.0.1:9000"
    assert Settings(port=9000, public_url="").issuer == "http://127.0.0.1:9000"
    assert Settings(port=8000, published_port=9000).issuer == "http://127.0.0.1:9000"
    assert Settings(published_port=9000, public_url="https://lab.example").issuer == "https://lab.example"
    assert Settings(public_url="https://lab.example/x-ray/").issuer == "https://lab.example/x-ray"
    assert Settings(public_url="https://lab.example", issuer="https://id.example/").issuer == "https://id.example/"


@pytest.mark.parametrize(
    "issuer", ["lightbox", "ftp://lab.example", "https://", "https://a b", "https://lab.example/?x"]
)
def test_an_issuer_that_is_no_address(issuer: str) -> None:
    for field in ("issuer", "public_url"):
        with pytest.raises(ValidationError, match="LIGHTBOX_ISSUER"):
            Settings.model_validate({field: issuer})


@pytest.mark.parametrize("kind", [GatewaySettings, AuthSettings, InferenceSettings])
def test_every_service_comes_to_the_same_issuer(kind: type[Settings]) -> None:
    common = {"database_url": "postgresql:///x", "secret_key": "s" * 32, "port": 9000}
    assert kind.model_validate(common).issuer == "http://127.0.0.1:9000"


def test_the_own_variable_of_the_database_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///server")
    assert Settings().database_url == "postgresql:///server"
    monkeypatch.setenv("LIGHTBOX_DATABASE_URL", "postgresql:///own")
    assert Settings().database_url == "postgresql:///own"


@pytest.mark.parametrize(
    ("kind", "old", "field"),
    [
        (AuthSettings, "LIGHTBOX_GUESSES_PER_ACCOUNT", "failed_logins_per_account"),
        (AuthSettings, "LIGHTBOX_GUESSES_PER_ADDRESS", "failed_logins_per_address"),
        (CoreSettings, "LIGHTBOX_HOT_PICTURE_BYTES", "response_cache_bytes"),
    ],
)
def test_a_setting_is_read_by_its_old_name(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], old: str, field: str
) -> None:
    common = {"database_url": "postgresql:///x", "secret_key": "s" * 32}
    monkeypatch.setenv(old, "7")
    assert getattr(kind.model_validate(common), field) == 7
    monkeypatch.setenv(f"LIGHTBOX_{field.upper()}", "8")  # the new name counts where both are set
    assert getattr(kind.model_validate(common), field) == 8
    assert getattr(kind.model_validate({**common, field: 9}), field) == 9

"""What every service's settings have in common."""

import pytest
from pydantic import ValidationError

from auth_service.config import AuthSettings
from gateway.config import GatewaySettings
from inference_service.config import InferenceSettings
from lightbox_shared.config import Settings


@pytest.mark.parametrize("kind", [Settings, GatewaySettings, AuthSettings, InferenceSettings])
def test_a_wrong_value_is_not_shown(monkeypatch: pytest.MonkeyPatch, kind: type[Settings]) -> None:
    """Somebody may have put a secret into the wrong variable."""
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


def test_the_own_variable_of_the_database_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///server")
    assert Settings().database_url == "postgresql:///server"
    monkeypatch.setenv("LIGHTBOX_DATABASE_URL", "postgresql:///own")
    assert Settings().database_url == "postgresql:///own"

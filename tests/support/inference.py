"""inference-service in tests: with small models that take no time, and tokens of the tests' key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from inference_service.app import create_app
from inference_service.config import InferenceSettings
from support.asgi import WithState, running
from support.gateway import Key
from support.kit import verifier_of
from support.onnx_models import write_model

SECRET_KEY: Final = "a secret of the tests, with 32 characters or more"
MODEL: Final = "means/1"
"""The model with CheXRay's findings."""
WITH_MAPS: Final = "maps"
"""The same with class-activation maps."""


def service_headers(key: Key, name: str = "annotation-service") -> dict[str, str]:
    """The header of a token of a service."""
    return {"Authorization": f"Bearer {key.token(sub=f'service:{name}')}"}


def account_headers(key: Key, account_id: int, **claims: Any) -> dict[str, str]:
    """The header of a token of an account."""
    return {"Authorization": f"Bearer {key.token(sub=f'account:{account_id}', **claims)}"}


@asynccontextmanager
async def running_inference(
    database_url: str, folder: Path, key: Key, chexray_model: str = "means", **changes: Any
) -> AsyncIterator[WithState]:
    """The service, which accepts the tokens that this key signs; `changes` are further settings."""
    models = folder / "models"
    write_model(models)
    write_model(models, "maps", maps=True)
    covid19 = {"COVID-19": "COVID-19", "NORMAL": "NORMAL"}
    write_model(models, "pair", labels=("COVID-19", "NORMAL"), activation="softmax", system="covid19", fields=covid19)
    settings = InferenceSettings(
        database_url=database_url,
        data_dir=folder,
        secret_key=SECRET_KEY,  # type: ignore[arg-type]
        model_repository=(models,),
        chexray_model=chexray_model,
        covid19_model="pair",
        inference_cores=1,
        **changes,
    )
    async with running(create_app(settings)) as app:
        yield WithState(app.app, {**app.state, "tokens": verifier_of(key)})

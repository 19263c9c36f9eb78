"""Variables that look like settings and are none."""

import subprocess
import sys

import pytest

from auth_service.config import AuthSettings
from core_collection_service.config import CoreSettings
from gateway.config import GatewaySettings
from inference_service.config import InferenceSettings
from lightbox.environment import names
from lightbox.run.unknown_settings import known_names, unknown
from lightbox_shared.config import Settings


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    return known_names()


def test_every_setting_is_known(known: frozenset[str]) -> None:
    kinds: tuple[type[Settings], ...] = (Settings, GatewaySettings, AuthSettings, InferenceSettings, CoreSettings)
    fields = {f"LIGHTBOX_{name.upper()}" for kind in kinds for name in kind.model_fields}
    assert fields | names() | {"LIGHTBOX_API_KEY"} <= known
    assert unknown({*fields, *names(), "LIGHTBOX_API_KEY", "DATABASE_URL", "HOME", "lightbox_port"}, known) == []


def test_what_is_misspelt_is_named(known: frozenset[str]) -> None:
    assert unknown(["LIGHTBOX_COAP_PROT", "LIGHTBOX_XYZZY", "lightbox_Dat_dir", "PATH"], known) == [
        "LIGHTBOX_COAP_PROT is not a setting and changes nothing. Did you mean LIGHTBOX_COAP_PORT?",
        "LIGHTBOX_XYZZY is not a setting and changes nothing.",
        "lightbox_Dat_dir is not a setting and changes nothing. Did you mean LIGHTBOX_DATA_DIR?",
    ]


def test_the_process_that_the_runner_asks() -> None:
    command = [sys.executable, "-m", "lightbox.run.unknown_settings"]
    environment = {"LIGHTBOX_PORT": "not even a number", "LIGHTBOX_PROT": "8001"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "LIGHTBOX_PROT is not a setting and changes nothing. Did you mean LIGHTBOX_PORT?\n"

"""Prints the platform's OpenAPI document, made of what the services say, without starting any of them:

.venv/bin/python tools/openapi_document.py > openapi.json
"""

import importlib
import json
import sys
from functools import cache
from typing import Any, Final
from unittest.mock import patch

from fastapi import FastAPI

from gateway.openapi import merge
from gateway.routes import Routes
from lightbox_shared.installation import GATEWAY, SERVICES

# Nothing is started, so any values do that the services accept.
_SETTINGS: Final = {"LIGHTBOX_DATABASE_URL": "postgresql:///document", "LIGHTBOX_SECRET_KEY": "-" * 32}


def applications() -> dict[str, FastAPI]:
    """Service -> its application, which is not started."""
    with patch.dict("os.environ", _SETTINGS):
        return {
            service.name: importlib.import_module(f"{service.package}.app").create_app()
            for service in SERVICES
            if service.name != GATEWAY
        }


@cache
def platform_document() -> dict[str, Any]:
    """What `/openapi.json` of the gateway answers."""
    documents = {name: app.openapi() for name, app in applications().items()}
    return merge(documents, Routes(), cookie="lightbox_session")


if __name__ == "__main__":
    json.dump(platform_document(), sys.stdout)

"""What strangers may do with the platform that is started, by its settings.

`python -m lightbox.run.what_is_open` prints a sentence a line. It is run as a process of its own, because it imports
the settings of all services.
"""

import importlib
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from lightbox_shared.config import MIN_SECRET_LENGTH, Settings
from lightbox_shared.installation import SERVICES

_GIVEN_BY_THE_RUNNER: Final[dict[str, Any]] = {
    "database_url": "postgresql:///",
    "secret_key": "x" * MIN_SECRET_LENGTH,
    "client_secret": "x" * MIN_SECRET_LENGTH,
    "service_secrets": "",
}
"""Settings that are required and decide nothing here."""


def sentences() -> list[str]:
    """Return what is open, in the order of the services. Settings that are not valid are left out: the service that
    has them does not start, and says why."""
    found: dict[str, None] = {}
    for kind in _kinds():
        known = {name: value for name, value in _GIVEN_BY_THE_RUNNER.items() if name in kind.model_fields}
        try:
            found.update(dict.fromkeys(kind(**known).open_to_strangers()))
        except ValidationError:
            continue
    return list(found)


def _kinds() -> Iterator[type[Settings]]:
    """The settings of each service."""
    for service in SERVICES:
        module = importlib.import_module(f"{service.package}.config")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, Settings) and each.__module__ == module.__name__:
                yield each


if __name__ == "__main__":
    for _sentence in sentences():
        print(_sentence)  # noqa: T201 - this is what `lightbox run` reads

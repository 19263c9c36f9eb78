"""Finds variables named `LIGHTBOX_...` that are not settings, for instance because of a typing error.

The settings are the fields of the classes in the module `config` of each service, and the variables of `.env`.
`python -m lightbox.run.unknown_settings` prints a line for each variable. It is run as a process of its own, because it
imports the code of all services.
"""

import importlib
import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from pydantic import AliasChoices

from lightbox.environment import names as names_of_compose
from lightbox_shared.config import Settings
from lightbox_shared.installation import SERVICE_NAMES

PREFIX: Final = "LIGHTBOX_"
_OF_THE_CLIENT: Final = frozenset({"LIGHTBOX_API_KEY"})
"""Variables that `lightbox collect` reads."""


def known_names() -> frozenset[str]:
    """Return the names of all settings, as environment variables."""
    found = {*names_of_compose(), *_OF_THE_CLIENT, *_names_of(Settings)}
    for service in SERVICE_NAMES:
        for each in vars(importlib.import_module(f"{service.replace('-', '_')}.config")).values():
            if isinstance(each, type) and issubclass(each, Settings):
                found |= _names_of(each)
    return frozenset(found)


def unknown(variables: Iterable[str], known: frozenset[str]) -> list[str]:
    """Return a sentence for each variable `LIGHTBOX_...` that is not known, with the most similar name that is."""
    own = [each.removeprefix(PREFIX) for each in known if each.startswith(PREFIX)]
    sentences = []
    for name in sorted(each for each in variables if each.upper().startswith(PREFIX) and each.upper() not in known):
        close = get_close_matches(name.upper().removeprefix(PREFIX), own, n=1, cutoff=0.7)
        advice = f" Did you mean {PREFIX}{close[0]}?" if close else ""
        sentences.append(f"{name} is not a setting and changes nothing.{advice}")
    return sentences


def _names_of(settings: type[Settings]) -> set[str]:
    names = {f"{PREFIX}{name.upper()}" for name in settings.model_fields}
    for field in settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            names |= {each.upper() for each in field.validation_alias.choices if isinstance(each, str)}
    return names


if __name__ == "__main__":
    for _sentence in unknown(os.environ, known_names()):
        print(_sentence)  # noqa: T201 - this is what `lightbox run` reads

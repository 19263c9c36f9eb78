"""Variables named `LIGHTBOX_...` that nothing reads: mostly misspelt ones, which would be ignored without a word.

The known names are the fields of every service's settings, found by the place that all services have them at
(`<package>.config`), and those of `.env`. This imports the services' code, so it runs in a process of its own:
`python -m lightbox.run.unknown_settings` prints a line for each variable.
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
"""What `lightbox collect` reads."""


def known_names() -> frozenset[str]:
    """Every variable that something reads."""
    found = {*names_of_compose(), *_OF_THE_CLIENT, *_names_of(Settings)}
    for service in SERVICE_NAMES:
        for each in vars(importlib.import_module(f"{service.replace('-', '_')}.config")).values():
            if isinstance(each, type) and issubclass(each, Settings):
                found |= _names_of(each)
    return frozenset(found)


def unknown(variables: Iterable[str], known: frozenset[str]) -> list[str]:
    """A sentence for each variable of ours that is not known, with the known one that it resembles most."""
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

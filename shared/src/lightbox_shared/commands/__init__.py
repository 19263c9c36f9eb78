"""The interface between the command `lightbox` and the commands of services.

A service announces typer apps as entry points in the group `lightbox.commands` and does not import `lightbox`. Its
commands find a `LocalEnvironment` as the object of typer's context. Where they run without `lightbox`, in a container,
there is none, and the settings are those of the environment.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

GROUP: Final = "lightbox.commands"

LocalEnvironment = Callable[[str], AbstractContextManager[dict[str, str]]]
"""Takes the name of a service and opens a context with its settings beyond those of the environment.

Until the end of the context the database of the service answers. Raises `NotPrepared`."""


class NotPrepared(RuntimeError):
    """There is no platform that a command could work on. The text is shown on the terminal."""

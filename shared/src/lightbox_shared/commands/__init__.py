"""What the command `lightbox` and the commands that services announce to it agree on.

A service announces typer apps as entry points in the group `lightbox.commands`, and never hears of `lightbox` itself:
it finds a `LocalEnvironment` in typer's context, or nothing where its commands run by themselves (in a container), and
then its settings are in the environment.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

GROUP: Final = "lightbox.commands"

LocalEnvironment = Callable[[str], AbstractContextManager[dict[str, str]]]
"""Service name -> settings of that service beyond those of the environment, good (its database answers) until the
context ends. Raises `NotPrepared`."""


class NotPrepared(RuntimeError):
    """There is no platform that a command could work on; the text is for the person at the terminal."""

"""The whole platform as people run it, for the tests (see `lightbox.run.temporary`)."""

from collections.abc import Callable

from lightbox.run.temporary import free_port_block, running_platform, temporary_folder

__all__ = ["SignUp", "free_port_block", "running_platform", "temporary_folder"]

SignUp = Callable[[], tuple[str, str]]
"""Makes a new account; returns its name and its token."""

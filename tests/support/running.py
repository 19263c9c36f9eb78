"""The whole platform as people run it, for the tests (see `lightbox.run.temporary`)."""

import itertools
from collections.abc import Callable

import httpx

from lightbox.run.temporary import free_port_block, running_platform, temporary_folder

__all__ = ["SignUp", "free_port_block", "new_account", "running_platform", "temporary_folder"]

SignUp = Callable[[], tuple[str, str]]
"""Makes a new account; returns its name and its token."""

_numbers = itertools.count(1)


def new_account(http: httpx.Client) -> tuple[str, str]:
    """Sign up with the password `pw`; the name of the account and its token."""
    name = f"person-{next(_numbers)}"
    answer = http.post("/api/chexray/signup/", json={"username": name, "password": "pw", "password2": "pw"})
    assert answer.status_code == 200, answer.text
    return name, answer.json()["token"]

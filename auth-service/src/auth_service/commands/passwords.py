"""How a command asks for a new password."""

import getpass
import secrets
import sys
from typing import Final

import typer

from lightbox_shared.commands.terminal import fail

LONGEST_LINE: Final = 10_000
"""Characters of a password that are read; more are too many."""


def new_password(*, from_stdin: bool, generate: bool) -> str:
    """A password from a prompt (twice), from the first line of standard input, or a new one; never from an argument,
    which other users would see in the list of processes."""
    if from_stdin and generate:
        raise typer.BadParameter("--password-stdin and --generate exclude each other.")
    if generate:
        return secrets.token_urlsafe(18)
    try:
        if from_stdin:
            password = sys.stdin.readline(LONGEST_LINE).removesuffix("\n").removesuffix("\r")
        elif sys.stdin.isatty():
            password = getpass.getpass("Password: ")
            if password != getpass.getpass("Again: "):
                fail("These are two different passwords.")
        else:
            fail("There is no terminal to ask for the password: use --password-stdin or --generate.")
        password.encode()  # where the locale is not UTF-8, what is not arrives as halves of surrogates
    except UnicodeError:
        fail("The password is not UTF-8.")
    return password

"""How a command asks for a new password."""

import getpass
import secrets
import sys
from typing import Final

import typer

from lightbox_shared.commands.terminal import fail

LONGEST_LINE: Final = 10_000
"""Characters of a line that are read."""


def new_password(*, from_stdin: bool, generate: bool) -> str:
    """A password that is typed twice at a prompt, is the first line of standard input, or is generated.

    It is never an argument, since other users see those in the list of processes.
    """
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
        password.encode()  # bytes that are not in the encoding of the locale have become halves of surrogate pairs
    except UnicodeError:
        fail("The password is not UTF-8.")
    return password

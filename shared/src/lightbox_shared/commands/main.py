"""The commands of one service by themselves, for the database that the environment names (in a container):

if __name__ == "__main__":
    main("auth-service")
"""

from importlib.metadata import entry_points

import typer

from lightbox_shared.commands import GROUP
from lightbox_shared.installation import service_named


def main(service: str) -> None:
    """Run `python -m <package> <command> ...`."""
    commands_of(service)(prog_name=f"python -m {service_named(service).package}")


def commands_of(service: str) -> typer.Typer:
    """The commands that the service's package announces as entry points."""
    package = service_named(service).package
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # a password may be one of them
        help=f"The administration of {service}.",
    )
    app.callback()(lambda: None)  # so that a single command keeps its name
    for announced in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        if announced.module.partition(".")[0] == package:
            app.add_typer(announced.load(), name=announced.name)
    return app

"""The commands of one service without `lightbox`, on the database that the environment names; for containers.

A service calls this from its `__main__.py`:

    if __name__ == "__main__":
        main("auth-service")
"""

from importlib.metadata import entry_points

import typer

from lightbox_shared.commands import GROUP
from lightbox_shared.commands.storage import services_with_storage, storage_commands
from lightbox_shared.installation import service_named


def main(service: str) -> None:
    """Run the command that the arguments of the process name, as `python -m auth_service accounts list` does."""
    commands_of(service)(prog_name=f"python -m {service_named(service).package}")


def commands_of(service: str) -> typer.Typer:
    """A typer app with the commands that the service's package announces as entry points."""
    package = service_named(service).package
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # local variables may hold passwords
        help=f"The administration of {service}.",
    )
    app.callback()(lambda: None)  # otherwise typer drops the name of a single command
    for announced in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        if announced.module.partition(".")[0] == package:
            app.add_typer(announced.load(), name=announced.name)
    if stored := services_with_storage(package):
        app.add_typer(storage_commands(stored), name="storage")
    return app

"""The command `lightbox`. Commands of services are found by their entry points (`lightbox_shared.commands`)."""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from lightbox.commands import collect, hub
from lightbox.demo.command import demo as run_demo
from lightbox.environment import write as write_environment
from lightbox.run import command
from lightbox.run.local_environment import local_environment
from lightbox_shared.commands import GROUP
from lightbox_shared.commands.storage import services_with_storage, storage_commands

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a password may be one of them
    help="Lightbox: the back end of a medical-image lab.",
)
for announced in sorted(entry_points(group=GROUP), key=lambda each: each.name):
    app.add_typer(announced.load(), name=announced.name)
app.add_typer(storage_commands(services_with_storage()), name="storage")
app.add_typer(collect.app, name="collect")
app.add_typer(hub.app, name="hub")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lightbox {version('lightbox')}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Lightbox: the back end of a medical-image lab."""
    context.obj = local_environment


@app.command()
def run() -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    raise typer.Exit(command.run())


@app.command()
def demo(
    url: Annotated[str | None, typer.Option(help="The gateway; by default the one on this machine.")] = None,
) -> None:
    """Walk through the running platform; start one where none runs."""
    raise typer.Exit(run_demo(url))


@app.command()
def env() -> None:
    """Write .env with fresh secrets for docker compose; one that is there is completed."""
    raise typer.Exit(write_environment())


if __name__ == "__main__":
    app()

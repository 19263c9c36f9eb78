"""`python -m core_collection_service collections devices`: the commands by themselves, for the database that the
environment names."""

import typer

from core_collection_service.commands import collections

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Collections of pictures.")
app.add_typer(collections.app, name="collections")


@app.callback()
def _begin() -> None:
    """Collections of pictures."""


if __name__ == "__main__":
    app(prog_name="python -m core_collection_service")

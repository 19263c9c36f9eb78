"""The command `lightbox` by itself."""

from importlib.metadata import version

from typer.testing import CliRunner

from lightbox.main import app


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"lightbox {version('lightbox')}\n")


def test_without_a_command_it_shows_its_help() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 2
    for name in ("run", "demo", "env", "collect", "accounts", "--version"):
        assert name in done.output

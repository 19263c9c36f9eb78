"""`python -m auth_service accounts list`: the commands by themselves, for the database that the environment names."""

import typer

from auth_service.commands import accounts, api_keys, audit, keys

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a password may be one of them
    help="Accounts, signing keys, API keys and the audit trail.",
)
app.add_typer(accounts.app, name="accounts")
app.add_typer(keys.app, name="keys")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(audit.app, name="audit")

if __name__ == "__main__":
    app(prog_name="python -m auth_service")

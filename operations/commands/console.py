"""``civicrec console …``: the console of content owners."""

from __future__ import annotations

import typer

from operations.commands.options import Home

console = typer.Typer(help="The console of content owners.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the ``console`` group to the root command."""
    app.add_typer(console, name="console")


@console.callback()
def group() -> None:
    """Work with the console of content owners."""


@console.command()
def password(home: Home = None) -> None:
    """Print the password of the first account, `admin`, which is made with it; it has every role."""
    import sys

    from civicrec.clock import utc_now
    from civicrec.errors import ConfigError
    from civicrec.registry.accounts import FIRST_NAME
    from civicrec.registry.first_account import ensure_first_account, first_password, opens_with_first_password
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    settings = load_settings(home)
    with registry_at(settings.registry_address) as registry:
        ensure_first_account(registry, settings, utc_now())
        if not opens_with_first_password(registry, settings):
            raise ConfigError(
                f"account {FIRST_NAME!r} has another password now, or is disabled; `civicrec user list` shows the "
                f"accounts, `civicrec user password {FIRST_NAME}` sets another"
            )
    print(first_password(settings))
    print(f"of account {FIRST_NAME}; `civicrec user password {FIRST_NAME}` sets one of your own", file=sys.stderr)

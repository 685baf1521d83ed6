"""``civicrec console …``: the console of content owners."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

console = typer.Typer(help="The console of content owners.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the ``console`` group to the root command."""
    app.add_typer(console, name="console")


@console.callback()
def group() -> None:
    """Work with the console of content owners."""


@console.command()
def password(
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print the password that opens the console; remove ``<home>/console.key`` first to have another made."""
    from civicrec.settings import load_settings
    from serving.console.sign_in import password_of

    print(password_of(load_settings(home)))

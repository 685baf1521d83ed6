"""``civicrec subject …``: portal users, as their portal names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

subject = typer.Typer(help="Portal users, as their portal names them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the ``subject`` group to the root command."""
    app.add_typer(subject, name="subject")


@subject.callback()
def group() -> None:
    """Work with portal users, as their portal names them."""


@subject.command()
def token(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")],
    minutes: Annotated[int, typer.Option(min=1, max=1_440, help="How long the token is good for.")] = 60,
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print a subject token for trying things out; in production the portal backend makes it."""
    from datetime import timedelta

    from civicrec.clock import utc_now
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings

    print(load_keys(load_settings(home)).sign(site, user, utc_now(), timedelta(minutes=minutes)))

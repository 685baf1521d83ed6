"""``civicrec analyst …``: who may ask the warehouse without seeing anybody's identity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import Home


def register(app: typer.Typer) -> None:
    """Add the group `analyst` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Analysts: views without identity, and who may read them.")
    group.callback()(lambda: None)  # a group of one command would be that command
    group.command()(grant)
    app.add_typer(group, name="analyst")


def grant(
    user: Annotated[str, typer.Argument(help="Name of the user of the ClickHouse server; made, or made anew.")],
    password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password; it is asked for without one.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Run the statements with the user of the settings.")] = False,
    home: Home = None,
) -> None:
    """Give a user of a ClickHouse server the analysts' views and nothing else, within limits.

    Prints the SQL for whoever looks after the server, with the password's SHA-256; or runs it. Again after an upgrade:
    views may have more columns then. The embedded warehouse does it by itself, for its user `analyst`.
    """
    from contextlib import closing

    from civicrec.clock import utc_now
    from civicrec.errors import ConfigError
    from civicrec.settings import load_settings
    from civicrec.warehouse.analysts import NEW_KEY, grant_statements, make_views, view_statements
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from profiles.tags import load_vocabulary

    settings = load_settings(home).warehouse
    if not settings.url and run:
        raise ConfigError(
            "CIVICREC_WAREHOUSE__URL names no ClickHouse server; the embedded warehouse has its user `analyst` "
            "already, with the password in analyst.key of the home"
        )
    grants = grant_statements(user, _password(password_file))
    sensitive = load_vocabulary().sensitive
    if not run:
        keyed = NEW_KEY.format(database=settings.database)
        print(*(f"{one};" for one in (keyed, *view_statements(settings.database, sensitive), *grants)), sep="\n")
        return
    with closing(ClickHouseWarehouse(settings)) as warehouse:
        make_views(warehouse, sensitive, utc_now())
        for statement in grants:
            warehouse.command(statement)
    print(f"{user} reads the views of this warehouse now: CIVICREC_WAREHOUSE__USER={user}, and the password.")


def _password(file: Path | None) -> str:
    from civicrec.errors import ConfigError, InvalidInput

    least = 16
    if file is None:
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        try:
            password = file.read_text().partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the password cannot be read from {file}: {error}") from error
    if len(password) < least:
        raise InvalidInput(f"the password has {len(password)} characters; expected at least {least}")
    return password

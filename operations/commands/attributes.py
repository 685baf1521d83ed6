"""``civicrec attributes …``: what other offices lawfully shared of a portal's users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import Home, Who

_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the group `attributes` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="What other offices shared of a portal's users.")
    group.callback()(_group)
    group.command("import")(import_)
    app.add_typer(group, name="attributes")


def _group() -> None:
    """Take what other offices shared of a portal's users."""


def import_(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV or JSON, one user a row: user, attributes, valid_until if known."
        ),
    ],
    purpose: Annotated[str, typer.Option(help="The duty the values are for; the person is told.")],
    catalogue: Annotated[str, typer.Option(help="Number in the catalogue of shared data; the person is told.")],
    source: Annotated[str, typer.Option(help="The office that shared them; kept in the audit log.")],
    notice: Annotated[str, typer.Option(help="Version of the notice that tells people of it; kept in the audit log.")],
    check: Annotated[bool, typer.Option("--check", help="Read and judge every row, keep nothing.")] = False,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Import attributes of users, all rows or none; what users declared themselves stays as it is.

    Columns: user, valid_until, and attributes by name or label (scale or 企业规模); words of a set with 、 between
    them; an empty cell says nothing, null in JSON takes an imported value back. Users who were erased are left out.
    """
    import json
    import sys

    from civicrec.clock import utc_now
    from civicrec.errors import InvalidInput
    from civicrec.json_files import objects_in
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from operations.attribute_import import import_attributes
    from profiles.rights.attributes import Imported
    from profiles.rights.imports import import_rows

    settings = load_settings(home)
    imported = Imported(purpose.strip(), catalogue.strip(), source.strip(), notice.strip())
    with file.open("rb") as opened:
        rows, bad = import_rows(objects_in(opened))
    with registry_at(settings.registry_address) as registry:
        done = import_attributes(
            registry, settings, load_keys(settings), site, rows, bad, imported, by=who, now=utc_now(), keep=not check
        )
    for one in done.bad[:_SHOWN]:
        print(f"line {one.line}: {one.reason}", file=sys.stderr)
    if done.bad:
        raise InvalidInput(
            f"{len(done.bad)} of {len(rows) + len(bad)} rows cannot be taken"
            + (f", the first {_SHOWN} stand above" if len(done.bad) > _SHOWN else "")
            + "; nothing was imported: mend them and import the file again"
        )
    print(json.dumps(done.counts | {"kept": not check}, ensure_ascii=False))

"""``civicrec audit …``: what people did, and whether the log of it is as it was written."""

from __future__ import annotations

from json import dumps
from typing import Annotated

import typer

from operations.commands.options import Home, JsonLines


def register(app: typer.Typer) -> None:
    """Add the group `audit` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="What people did: who, when, to what, and why.")
    group.command("list")(list_)
    group.command()(verify)
    app.add_typer(group, name="audit")


def list_(
    object_id: Annotated[str, typer.Option("--object", help="Only of this item, run or receipt.")] = "",
    who: Annotated[str, typer.Option(help="Only what this name did.")] = "",
    action: Annotated[str, typer.Option(help="Only this, such as item_erased.")] = "",
    site: Annotated[str, typer.Option(help="With --user: the site of a portal user.")] = "",
    user: Annotated[str, typer.Option(help="Only what was done with the data of this portal user of --site.")] = "",
    n: Annotated[int, typer.Option("-n", min=1, max=1_000_000, help="How many, the latest.")] = 100,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List audit rows, the latest first."""
    from civicrec.clock import rfc3339
    from civicrec.errors import InvalidInput
    from civicrec.registry.audit import audit_rows
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings

    settings = load_settings(home)
    if bool(site) != bool(user) or (user and object_id):
        raise InvalidInput("expected --site and --user together, and no --object beside them")
    if user:
        keys = load_keys(settings)
        object_id = keys.audit_name(keys.named_subject(site, user))
    with registry_at(settings.registry_address) as registry:
        rows = audit_rows(registry, object_id=object_id, who=who, action=action, n=n)
    for row in rows:
        facts = dict(row.facts)
        if json:
            told = {"number": row.number, "at": rfc3339(row.at), "who": row.who, "action": row.action}
            told |= {"object_id": row.object_id, "facts": facts, "digest": row.digest}
            print(dumps(told, ensure_ascii=False))
        else:
            said = dumps(facts, ensure_ascii=False)
            print(f"{row.number:>8}  {rfc3339(row.at)}  {row.who}  {row.action}  {row.object_id}  {said}")


def verify(
    noted: Annotated[
        str,
        typer.Option(help="A head noted earlier and kept elsewhere, NUMBER:DIGEST: it must be in the chain still."),
    ] = "",
    home: Home = None,
) -> None:
    """Go through all audit rows; exit 1 and name the row at which they are not as they were written.

    Prints the head, NUMBER:DIGEST, to be kept outside of this database: who may write all of it could chain every row
    anew, and only a head noted elsewhere shows that.
    """
    from civicrec.registry.audit import verify as verify_all
    from civicrec.registry.chain import head_from
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    expected = head_from(noted) if noted else None
    with registry_at(load_settings(home).registry_address) as registry:
        found = verify_all(registry, expected)
    if found.broken:
        print(f"broken at row {found.broken.number}: {found.broken.why}")
        raise typer.Exit(1)
    print(f"{found.rows} rows are as they were written; head {found.head}")

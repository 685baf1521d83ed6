"""``civicrec subject erase`` and what tells of it: requests that a portal user is erased."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import JsonLines, Who, Why


def add_to(subject: typer.Typer) -> None:
    """Add the commands to the group ``subject``."""
    for command in (erase, erasures, receipt, readmit, keep_erased, reapply_erasures):
        subject.command()(command)


def erase(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")],
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Ask that all that is held of a portal user is erased; the running stream does it, `subject receipt` proves it."""
    from contextlib import closing

    from civicrec.clock import utc_now
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from profiles.rights.erase import ask_to_erase

    settings = load_settings(home)
    keys = load_keys(settings)
    subject_id = keys.named_subject(site, user)
    with registry_at(settings.registry_address) as registry, closing(ClickHouseWarehouse(settings.warehouse)) as stored:
        made = ask_to_erase(
            registry, keys, stored, site, subject_id, home=settings.home, by=who, why=why, now=utc_now()
        )
    print(f"erasure {made.number} is due on {made.due}")


def erasures(
    every: Annotated[bool, typer.Option("--all", help="Those that are done, too.")] = False,
    json: JsonLines = False,
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """List requests to be erased, the oldest first, and how far each is."""
    from json import dumps

    from civicrec.clock import local_date, utc_now
    from civicrec.registry.erasures import list_erasures
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from profiles.rights.erase import as_told

    today = local_date(utc_now())
    with registry_at(load_settings(home).registry_address) as registry:
        found = list_erasures(registry, only_open=not every)
    for one in found:
        if json:
            print(dumps(as_told(one, today), ensure_ascii=False))
        else:
            state = as_told(one, today)["state"]
            done = sum(step.after is not None for step in one.steps.values())
            print(f"{one.number}  {one.site}  due {one.due}  {state:8}  {done} stores done  {one.person}")


def receipt(
    number: Annotated[int, typer.Argument(help="Number of the erasure.", min=1)],
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print the signed receipt of an erasure, a JWT that the site's key proves; it names nobody."""
    from civicrec.registry.erasures import erasure
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from profiles.rights.erase import receipt_of

    with registry_at(load_settings(home).registry_address) as registry:
        print(receipt_of(erasure(registry, number)))


def readmit(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")],
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Take events of an erased user again who consented anew; consent in the ledger does it by itself."""
    from civicrec.clock import utc_now
    from civicrec.registry import erasures as requests
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings

    settings = load_settings(home)
    keys = load_keys(settings)
    subject_id = keys.named_subject(site, user)
    person, digest = keys.audit_name(subject_id), keys.erased_digest(keys.root(subject_id))
    with registry_at(settings.registry_address) as registry:
        is_new = requests.readmit(registry, person, digest, by=who, why=why, now=utc_now())
    print("events of the user are taken from now on" if is_new else "nothing to do: no event of the user is refused")


def keep_erased(
    path: Annotated[Path, typer.Argument(help="File to write; kept apart from backups of the stores.")],
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Copy the list of erased people, as keyed digests, to a file: after a restore they are erased again by it."""
    from civicrec.registry.erased_list import write_list
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    with registry_at(load_settings(home).registry_address) as registry:
        print(f"{write_list(registry, path)} names of erased people are kept in {path}")


def reapply_erasures(
    path: Annotated[
        Path | None, typer.Argument(help="What `keep-erased` wrote; without it what the registry knows.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Erase again whom the list names and a restored store holds; the running stream does it."""
    from contextlib import closing

    from civicrec.registry.erased_list import read_list, refuse_again
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from streaming.erasing.again import erase_again

    settings = load_settings(home)
    with registry_at(settings.registry_address) as registry, closing(ClickHouseWarehouse(settings.warehouse)) as stored:
        n_new = refuse_again(registry, list(read_list(path))) if path else 0
        numbers = erase_again(registry, load_keys(settings), stored, settings)
    print(f"{n_new} names are refused again; {len(numbers)} people are held and are erased again")

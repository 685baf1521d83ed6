"""``civicrec subject …``: portal users, as their portal names them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import Who, Why
from operations.commands.subject_erase import add_to

subject = typer.Typer(help="Portal users, as their portal names them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the ``subject`` group to the root command."""
    add_to(subject)
    app.add_typer(subject, name="subject")


@subject.callback()
def group() -> None:
    """Work with portal users, as their portal names them."""


@subject.command()
def token(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")],
    minutes: Annotated[int, typer.Option(min=1, max=1_440, help="How long the token is good for.")] = 60,
    minor: Annotated[bool, typer.Option(help="Of somebody under 18: the claim `minor`.")] = False,
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print a subject token for trying things out; in production the portal backend makes it."""
    from datetime import timedelta

    from civicrec.clock import utc_now
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings

    print(load_keys(load_settings(home)).sign(site, user, utc_now(), timedelta(minutes=minutes), minor=minor))


@subject.command()
def export(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")],
    table: Annotated[bool, typer.Option("--csv", help="The same as a table for office software.")] = False,
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print a copy of what is held of a portal user, as GET /v1/me/data gives it; that it was read is recorded."""
    import sys
    from contextlib import closing

    from civicrec.clients import redis_client
    from civicrec.clock import utc_now
    from civicrec.registry.attributes import kept_of
    from civicrec.registry.audit import Act, record_alone
    from civicrec.registry.choices import choices_of
    from civicrec.registry.consents import entries_of
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from civicrec.warehouse.personal import events_of, held_beside_events
    from profiles.online.redis_rights import RedisOnlineRights
    from profiles.rights.attributes import seal_of, told
    from profiles.rights.export import as_json, held_of
    from profiles.rights.pushes import pushes_of
    from profiles.rights.table import as_csv

    settings = load_settings(home)
    keys = load_keys(settings)
    actor = keys.named_subject(site, user)
    with registry_at(settings.registry_address) as registry, closing(ClickHouseWarehouse(settings.warehouse)) as stored:
        record_alone(registry, Act(utc_now(), who, "data_exported", keys.audit_name(actor), {"why": why}))
        events = events_of(stored, actor)
        attributes = told(kept_of(registry, actor), actor, seal_of(keys), utc_now())
        state = RedisOnlineRights(redis_client(settings.redis)).actor(actor)
        decided, answers = choices_of(registry, actor), entries_of(registry, actor)
        kept, pushes = held_beside_events(stored, actor), pushes_of(registry, actor)
        held = held_of(actor, decided, state, kept, answers, attributes, pushes, utc_now())
        for piece in (as_csv if table else as_json)(held, events):
            sys.stdout.buffer.write(piece)


@subject.command()
def concerned(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, such as 2026-11-01.")],
    last: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day, included.")],
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print which of the portal's users are held of some days, to be told of a breach.

    Reads user ids from the standard input, one a line, as only the portal can say whose a pseudonym is. The answer is
    CSV; that it was asked for is recorded.
    """
    import csv
    import sys
    from contextlib import closing

    from civicrec.clock import utc_now
    from civicrec.errors import InvalidInput
    from civicrec.registry.audit import Act, record_alone
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.spreadsheets import cell
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from civicrec.warehouse.concerned import people_concerned, visitors_unnamed

    settings = load_settings(home)
    keys = load_keys(settings)
    keys.site_key(site)
    days = first.date(), last.date()
    if days[0] > days[1]:
        raise InvalidInput(f"got --from {days[0]} after --until {days[1]}; expected the first day before the last")
    with registry_at(settings.registry_address) as registry, closing(ClickHouseWarehouse(settings.warehouse)) as stored:
        facts = {"why": why, "first": str(days[0]), "last": str(days[1])}
        record_alone(registry, Act(utc_now(), who, "breach_listed", f"site:{site}", facts))
        held, unnamed = people_concerned(stored, site, *days), visitors_unnamed(stored, site, *days)
    table = csv.writer(sys.stdout)
    table.writerow(("user", "events", "searches", "first_day", "last_day"))
    for line in sys.stdin:
        if (user := line.strip()) and (one := held.pop(keys.subject_id(site, user), None)):
            table.writerow((cell(user), one.events, one.queries, one.first, one.last))
    print(
        f"{len(held)} more people are known by pseudonym only: no user id that was read is theirs\n"
        f"{unnamed} visitors without login: they can be told in public only",
        file=sys.stderr,
    )

"""Commands of `complaint`: what waits for an answer and until when, and the answer."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import Annotated

import typer

from operations.commands.options import Home, JsonLines, Who


def register(app: typer.Typer) -> None:
    """Add the group `complaint` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Complaints about recommendations and personal data.")
    group.command("list")(list_)
    group.command()(answer)
    app.add_typer(group, name="complaint")


def list_(
    every: Annotated[bool, typer.Option("--all", help="Answered ones, too.")] = False,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List complaints, the one due first at the head."""
    from civicrec.clock import local_date, rfc3339, utc_now
    from civicrec.registry.complaints import list_complaints
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    today = local_date(utc_now())
    with registry_at(load_settings(home).registry_address) as registry:
        found = list_complaints(registry, only_open=not every)
    for one in found:
        if json:
            times = {
                "received_at": rfc3339(one.received_at),
                "answered_at": rfc3339(one.answered_at) if one.answered_at else None,
                "due": one.due.isoformat(),
            }
            print(dumps(asdict(one) | times | {"is_overdue": one.is_overdue(today)}, ensure_ascii=False))
        else:
            state = "answered" if one.answered_at else "OVERDUE" if one.is_overdue(today) else "open"
            print(f"{one.receipt}  due {one.due}  {state:8}  {one.kind}  {one.item_id}  {one.text}")


def answer(
    receipt: Annotated[str, typer.Argument(help="Receipt of the complaint.")],
    reply: Annotated[str, typer.Option(help="What the person reads.")],
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Answer a complaint, once; whoever has the receipt reads it."""
    from civicrec.clock import utc_now
    from civicrec.registry.complaints import answer as answer_complaint
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    with registry_at(load_settings(home).registry_address) as registry:
        done = answer_complaint(registry, receipt, reply, who=who, now=utc_now())
    print(f"{done.receipt} answered")

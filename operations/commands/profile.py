"""``civicrec profile …``: what is known of one actor."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from civicrec.clock import from_ms, local_date, rfc3339, utc_now
from operations.commands.options import Who, Why

if TYPE_CHECKING:
    from civicrec.settings import Settings

profile = typer.Typer(help="What is known of one actor.", no_args_is_help=True)

_TAGS = """
    SELECT day, tag, weight, evidence, confidence, last_at FROM actor_tags
    WHERE actor = {actor:String}
      AND day = (SELECT max(day) FROM actor_tags WHERE actor = {actor:String} AND day <= {today:Date})
    ORDER BY weight DESC, tag
"""


def register(app: typer.Typer) -> None:
    """Add the ``profile`` group to the root command."""
    app.add_typer(profile, name="profile")


@profile.callback()
def group() -> None:
    """Show what is known of one actor."""


@profile.command()
def show(
    actor: Annotated[
        str,
        typer.Argument(help="Anonymous id, subject id, or a:<id> for an anonymous id of 32 hex digits."),
    ],
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print what the online store and the nightly tags hold of an actor, as JSON; that it was read is recorded."""
    from civicrec.clients import redis_client
    from civicrec.settings import load_settings
    from profiles.online.redis_rights import RedisOnlineRights

    settings = load_settings(home)
    _record_read(settings, who, why, "profile_shown", actor)
    state = RedisOnlineRights(redis_client(settings.redis)).actor(actor)
    held: dict[str, Any] = {
        "actor": actor,
        "recent": [{"item_id": one.item_id, "at": rfc3339(from_ms(one.at_ms))} for one in state.recent],
        "seen": len(state.seen),
        "tags": dict(sorted(state.tags.items(), key=lambda pair: -pair[1])),
        "deleted_tags": sorted(state.deleted_tags),
        "disliked": sorted(state.disliked),
        "done": list(state.done),
        "shown": len(state.shown),
        "signed_in": {name or "unknown": rfc3339(from_ms(at)) for name, at in state.signed_in.items()},
        "personalisation": "off" if state.is_off else "on",
        "nightly_tags": _nightly_tags(settings, actor),
    }
    print(json.dumps(held, ensure_ascii=False, indent=2))


@profile.command()
def explain(
    actor: Annotated[str, typer.Argument(help="Anonymous id, subject id, or a:<id>, as of `profile show`.")],
    tag: Annotated[str, typer.Argument(help="A tag of theirs, such as theme:就业创业.")],
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print which events made a tag at the last night, as JSON: items and what each event still weighed.

    That it was read is recorded.
    """
    from datetime import timedelta

    from civicrec.errors import NotFound
    from civicrec.registry.catalogue import items_since
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from profiles.explain import explained
    from profiles.tags import learned_tags, load_vocabulary

    settings, known = load_settings(home), load_vocabulary().tag(tag)
    _record_read(settings, who, why, "profile_explained", actor)
    made = [row for row in _nightly_tags(settings, actor) or () if row["tag"] == known.name]
    if not made:
        raise NotFound(
            f"the last night gave {actor!r} no tag {known.name!r}; `civicrec profile show` lists what there is"
        )
    day = date.fromisoformat(made[0]["day"])
    first = day - timedelta(days=settings.training.window_days - 1)
    with registry_at(settings.registry_address) as registry:
        items = {item.item_id: item for item in items_since(registry)[1]}
    found = explained(
        ClickHouseWarehouse(settings.warehouse), actor, known, first, day,
        {item_id for item_id, item in items.items() if known.name in learned_tags(item)},
    )  # fmt: skip
    told = [
        {
            "item_id": one.item_id,
            "title": items[one.item_id].title,
            "weight": one.weight,
            "events": [
                {
                    "event_id": event.event_id,
                    "kind": event.kind,
                    "at": rfc3339(from_ms(event.at_ms)),
                    "weight": event.weight,
                }
                for event in one.events
            ],
        }
        for one in found
    ]
    print(json.dumps({"actor": actor, **made[0], "items": told}, ensure_ascii=False, indent=2))


def _record_read(settings: Settings, who: str, why: str, action: str, actor: str) -> None:
    """Write down that somebody's data is read, before it is."""
    from civicrec.registry.audit import Act, record_alone
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys

    with registry_at(settings.registry_address) as registry:
        record_alone(registry, Act(utc_now(), who, action, load_keys(settings).audit_name(actor), {"why": why}))


def _nightly_tags(settings: Settings, actor: str) -> list[dict[str, Any]] | None:
    """Return the newest governed tags in the warehouse, ``None`` when it does not answer."""
    from civicrec.errors import Unavailable
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    try:
        rows = ClickHouseWarehouse(settings.warehouse).rows(_TAGS, {"actor": actor, "today": local_date(utc_now())})
    except Unavailable as error:
        print(f"civicrec: the warehouse does not answer, its tags are left out: {error}", file=sys.stderr)
        return None
    return [{**row, "day": str(row["day"]), "last_at": rfc3339(row["last_at"])} for row in rows]

"""``civicrec profile …``: what is known of one actor."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from civicrec.clock import from_ms, local_date, rfc3339, utc_now

if TYPE_CHECKING:
    from civicrec.settings import Settings

profile = typer.Typer(help="What is known of one actor.", no_args_is_help=True)

_TAGS = """
    SELECT day, tag, weight, evidence, last_at FROM actor_tags
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
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print what the online store and the nightly tags hold of an actor, as JSON."""
    from civicrec.clients import redis_client
    from civicrec.settings import load_settings
    from profiles.online.redis_rights import RedisOnlineRights

    settings = load_settings(home)
    state = RedisOnlineRights(redis_client(settings.redis)).actor(actor)
    held: dict[str, Any] = {
        "actor": actor,
        "recent": [{"item_id": one.item_id, "at": rfc3339(from_ms(one.at_ms))} for one in state.recent],
        "seen": len(state.seen),
        "tags": dict(sorted(state.tags.items(), key=lambda pair: -pair[1])),
        "disliked": sorted(state.disliked),
        "done": list(state.done),
        "personalisation": "off" if state.is_off else "on",
        "nightly_tags": _nightly_tags(settings, actor),
    }
    print(json.dumps(held, ensure_ascii=False, indent=2))


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

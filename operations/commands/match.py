"""``civicrec match …``: which policies fit a portal user, or how many users a policy fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import Who, Why


def register(app: typer.Typer) -> None:
    """Add ``match`` to the root command."""
    app.command("match")(match_user)


def match_user(
    site: Annotated[str, typer.Argument(help="Site id, such as demo.")] = "",
    user: Annotated[str, typer.Argument(help="User id as the portal knows it; it is not kept.")] = "",
    item: Annotated[str, typer.Option(help="Item id: count the users it fits instead; none below ten is shown.")] = "",
    types: Annotated[str, typer.Option(help="Types of items, with commas; policy,service when not given.")] = "",
    n: Annotated[int, typer.Option(min=1, max=100, help="Items told of each group.")] = 20,
    who: Who = "operator",
    why: Why = "",
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state.")] = None,
) -> None:
    """Print which policies and services fit a user by the attributes kept of them, as JSON; that is recorded.

    With --item, print how many of those who declared something an item fits.
    """
    import msgspec

    from civicrec.clock import rfc3339, utc_now
    from civicrec.errors import InvalidInput, NotFound
    from civicrec.registry.attributes import everybody, kept_of
    from civicrec.registry.audit import Act, record_alone
    from civicrec.registry.catalogue import items_since
    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from profiles.rights.attributes import in_force, seal_of
    from recommender.catalogue import Catalogue
    from recommender.fitting import count_fitting
    from recommender.match import match
    from serving.api.match import NOTICE, match_answer, types_of

    if bool(item) == bool(site and user) or bool(item) == bool(site or user):
        raise InvalidInput("expected SITE and USER, or --item alone")
    settings = load_settings(home)
    keys, now, asked = load_keys(settings), utc_now(), types_of(types)
    seal = seal_of(keys)
    with registry_at(settings.registry_address) as registry:
        items = {one.item_id: one for one in items_since(registry)[1]}
        if item:
            if item not in items:
                raise NotFound(f"the catalogue has no item {item!r}; expected the id of one")
            record_alone(registry, Act(now, who, "fitting_counted", item, {"why": why}))
            people = (in_force(rows, subject, seal, now) for subject, rows in everybody(registry, now))
            counted = msgspec.to_builtins(count_fitting(items[item], people))
            print(msgspec.json.encode({"item_id": item, **counted, "notice": NOTICE}).decode())
            return
        actor = keys.named_subject(site, user)
        record_alone(registry, Act(now, who, "matched", keys.audit_name(actor), {"why": why}))
        attributes = in_force(kept_of(registry, actor), actor, seal, now)
    found = match(Catalogue.of(items.values()), attributes, asked, n, now)
    print(msgspec.json.encode(match_answer(found, rfc3339(now))).decode())

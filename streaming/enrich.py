"""Events in, row facts out: the portal's day, the actor, what the catalogue knows. Pure.

The columns are those of ``events`` in civicrec/warehouse/migrations; times are epoch milliseconds, days are counted
from 1970, which the warehouse takes without making an object of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

import msgspec

from civicrec.clock import PORTAL_TZ
from civicrec.events import INTEREST_WEIGHTS, Event, anonymous_actor
from profiles.online.pseudonyms import digest_of
from streaming.blocks import DISLIKE, DONE, RESTORING, SHOWN, SIGNED_IN, WITHDRAWN, Columns, Facts, Interaction, Parsed
from streaming.erasing.refused import without_erased
from streaming.parse import epoch_ms
from streaming.registry import RegistryFacts

#: Columns that hold a field of the event as it is.
_PLAIN = (
    "event_id", "kind", "site", "channel", "anonymous_id", "subject_id", "session_id", "item_id", "request_id",
    "scene", "slot", "position", "variant", "campaign_id", "query", "url_path", "title", "referrer_type", "active_ms",
    "scroll_pct", "value", "device", "region", "bot_reason",
)  # fmt: skip
_plain = attrgetter(*_PLAIN)
_encode_props = msgspec.json.Encoder(order="deterministic").encode
_OFFSET_MS = int(PORTAL_TZ.utcoffset(None).total_seconds() * 1000)
_DAY_MS = 86_400_000
#: Kinds of events that tell of an actor's interest in an item, refusing it, taking that back, or having been shown it.
INTERACTION_KINDS = frozenset({*INTEREST_WEIGHTS, DISLIKE, *RESTORING, SHOWN})
#: Kinds that are looked at again long after: an interest of then is past; what was refused, withdrawn or done is not.
LASTING = frozenset({DISLIKE, *RESTORING, WITHDRAWN, DONE})


def enrich(parsed: Parsed, registry: RegistryFacts) -> Facts:
    """Turn a parsed block into columns and interactions.

    Parameters
    ----------
    parsed
        Events with their offsets and times.
    registry
        What the catalogue says of an item's type wins over what the client said, and a switch that is off over the
        consent that it claims; events of people who were erased become dead letters without content.
    """
    parsed = without_erased(renamed(parsed, registry.renamed), registry.erased)
    actors = [event.actor for event in parsed.events]
    consents = _consents(parsed, actors, registry.off_since)
    columns = _columns(parsed, registry.item_types, actors, consents)
    interactions = _interactions(parsed, registry.item_types, actors, consents)
    return Facts(parsed.block.origin, parsed.block.position, parsed.records, columns, interactions, parsed.dead)


def renamed(parsed: Parsed, name_of: Callable[[str, int], str]) -> Parsed:
    """Return a block whose people have the names in force, whichever pepper made those they came with."""
    return replace(parsed, events=[_renamed(event, name_of) for event in parsed.events])


def _renamed(event: Event, name_of: Callable[[str, int], str]) -> Event:
    if not event.subject_id or (name := name_of(event.subject_id, event.pepper)) == event.subject_id:
        return event
    return msgspec.structs.replace(event, subject_id=name)


def _consents(parsed: Parsed, actors: list[str], off_since: Mapping[str, int]) -> list[str]:
    """Return the consent of each event: measure at most from when its actor switched personalisation off."""
    return [
        "measure" if event.consent == "personalise" and at >= off_since.get(actor, at + 1) else event.consent
        for event, actor, at in zip(parsed.events, actors, parsed.occurred_ms, strict=True)
    ]


def _columns(parsed: Parsed, item_types: Mapping[str, str], actors: list[str], consents: list[str]) -> Columns:
    events = parsed.events
    if not events:
        return {}
    by_column = zip(*map(_plain, events), strict=True)
    columns: Columns = {name: list(values) for name, values in zip(_PLAIN, by_column, strict=True)}
    columns["consent"] = consents
    columns["occurred_at"] = parsed.occurred_ms
    columns["received_at"] = [
        epoch_ms(event.received_at) if event.received_at else at
        for event, at in zip(events, parsed.occurred_ms, strict=True)
    ]
    columns["local_date"] = [(at + _OFFSET_MS) // _DAY_MS for at in parsed.occurred_ms]
    columns["actor"] = actors
    columns["item_type"] = [item_types.get(event.item_id) or event.item_type for event in events]
    columns["item_known"] = [int(event.item_id in item_types) for event in events]
    columns["props"] = [_props(event.props) for event in events]
    columns["log"] = [parsed.block.origin.log] * len(events)
    columns["log_offset"] = parsed.offsets
    return columns


def _props(props: dict[str, Any]) -> str:
    return _encode_props(props).decode() if props else "{}"


def _interactions(
    parsed: Parsed, item_types: Mapping[str, str], actors: list[str], consents: list[str]
) -> list[Interaction]:
    interactions: list[Interaction] = []
    told = zip(parsed.events, actors, parsed.occurred_ms, parsed.offsets, consents, strict=True)
    for event, actor, at, offset, consent in told:
        kind = event.kind
        if kind in INTERACTION_KINDS:
            is_personal = consent == "personalise"
            # What was shown tells of nobody but its actor.
            if event.item_id in item_types and not event.bot_reason and (is_personal or kind != SHOWN):
                weight = INTEREST_WEIGHTS.get(kind, 0.0)
                interactions.append(Interaction(actor, event.item_id, at, weight, is_personal, offset, kept_kind(kind)))
        elif kind == WITHDRAWN:
            interactions += [Interaction(one, "", at, 0.0, True, offset, kind) for one in withdrawing(event)]
        if event.subject_id and event.anonymous_id:
            interactions.append(signed_in(event.subject_id, event.anonymous_id, at, offset, consent == "personalise"))
    return interactions


def signed_in(subject_id: str, anonymous_id: str, at_ms: int, offset: int, is_personal: bool) -> Interaction:
    """Return what a subject's event tells of its browser: a short hash of who it was, without consent not even that.

    That it was somebody must be known: what was done before on the browser is no later subject's.
    """
    name = digest_of(subject_id) if is_personal else ""
    return Interaction(anonymous_actor(anonymous_id), name, at_ms, 0.0, is_personal, offset, SIGNED_IN)


def kept_kind(kind: str) -> str:
    """Return what an interaction keeps of its event's kind."""
    return kind if kind in LASTING or kind == SHOWN else ""


def withdrawing(event: Event) -> tuple[str, ...]:
    """Return whose consent ends: a signed-in user's, and that of the browser it was said in."""
    known = (event.subject_id, anonymous_actor(event.anonymous_id))
    return tuple(name for name in known if name)

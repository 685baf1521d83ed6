"""A copy of what is held of a person, for the person (个人信息保护法 Art. 45), as JSON.

In: what the stores hold. Out: pieces of a file, made as they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

import msgspec

from civicrec.clock import from_ms, rfc3339
from civicrec.registry.choices import ActorChoices
from civicrec.registry.notice import Entry
from profiles.online.ports import ActorState

_AT_ONCE = 500
#: Name of a store that holds personal data (`civicrec.erasure.PersonalStore`) → the parts of a copy that tell of it.
#: What is on its way is told once it is there, seconds later; files of ids, tables of a night and replaced parts hold
#: the same once more.
TOLD_AS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("off_since", "chosen_tags", "deleted_tags"),
    "consents": ("consents",),
    "attributes": ("attributes",),
    "pushes": ("deliveries", "messages", "subscriptions"),
    "served lists on their way": ("served_lists",),
    "served lists": ("served_lists",),
    "event ids": ("events",),
    "event log": ("events",),
    "dead letters": ("refused_events",),
    "tags of nights": ("tags_by_night",),
    "members of segments": ("segments",),
    "events": ("events",),
    "online store": ("tags", "recent", "disliked", "done"),
    "tables of a night cut off": ("tags_by_night", "segments"),
    "replaced parts of the warehouse": ("events",),
}


def held_of(
    subject_id: str,
    decided: ActorChoices,
    state: ActorState,
    stored: Mapping[str, Iterable[Mapping[str, Any]]],
    consents: Iterable[Entry],
    attributes: Iterable[Mapping[str, Any]],
    pushes: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Return all that is held of a person but events.

    Parameters
    ----------
    stored
        What the warehouse holds beside events (`civicrec.warehouse.personal.held_beside_events`).
    consents
        All answers of the ledger, the first at the head.
    attributes
        What they said of themselves, as `profiles.rights.attributes.told` tells it.
    pushes
        What they were sent, and which pushes they want, as `profiles.rights.pushes.pushes_of` tells it.
    """
    return {
        "subject_id": subject_id,
        "generated_at": rfc3339(now),
        "personalisation": "on" if decided.off_since is None else "off",
        "off_since": _text(decided.off_since),
        "consents": [
            {
                "purpose": one.purpose,
                "given": one.is_given,
                "notice_version": one.notice_version,
                "channel": one.channel,
                "at": _text(one.at),
            }
            for one in consents
        ],
        "chosen_tags": [{"tag": tag, "since": _text(since)} for tag, since in sorted(decided.chosen.items())],
        "deleted_tags": [{"tag": tag, "since": _text(since)} for tag, since in sorted(decided.deleted.items())],
        "attributes": list(attributes),
        **pushes,
        "tags": dict(state.tags),
        **{part: [_texts(row) for row in rows] for part, rows in stored.items()},
        "recent": [{"item_id": one.item_id, "at": rfc3339(from_ms(one.at_ms))} for one in state.recent],
        "disliked": [{"item_id": item_id, "at": rfc3339(from_ms(at))} for item_id, at in state.disliked.items()],
        "done": list(state.done),
    }


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def as_json(held: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Write one JSON object, its `events` last; a field that is empty is left out of an event."""
    yield msgspec.json.encode(held)[:-1] + b',"events":['
    before = b""
    for piece in pieces(events):
        rows = ({name: _text(value) for name, value in row.items() if value not in ("", None, "{}")} for row in piece)
        yield before + b",".join(map(msgspec.json.encode, rows))
        before = b","
    yield b"]}"


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value


def pieces(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Cut rows into lists of some hundred, each to be written at once."""
    rest = iter(rows)
    while piece := list(islice(rest, _AT_ONCE)):
        yield piece

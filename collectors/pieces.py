"""A batch taken apart by its brackets and quotation marks alone, for when one of its events is no JSON.

In: a body. Out: the bytes of each event and of each other member, good or not; one bad event costs no other.
"""

from __future__ import annotations

import re

from civicrec.events import MAX_BATCH_EVENTS

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT = rb'[^\[\]{}"]++|' + _STRING
#: Deeper than any event of ours goes. Nothing here is given back once it is read: linear, whatever the body holds.
_DEPTH = 12


def _value() -> bytes:
    inside = _FLAT
    for _ in range(_DEPTH):
        inside = _FLAT + rb"|[\[{](?:" + inside + rb")*+[\]}]"
    return rb'(?:[^\[\]{}",\s]++|' + _STRING + rb"|[\[{](?:" + inside + rb")*+[\]}])"


_OPEN = re.compile(rb"\s*\{")
_NAME = re.compile(rb"\s*+(" + _STRING + rb")\s*+:\s*+", re.DOTALL)
_LIST = re.compile(rb"\[\s*+")
_MEMBER = re.compile(rb"(" + _value() + rb")\s*+([,}])", re.DOTALL)
_ELEMENT = re.compile(rb"\s*+(" + _value() + rb")\s*+([,\]])", re.DOTALL)
_NEXT = re.compile(rb"\s*+([,}])")


def pieces_of(body: bytes) -> tuple[list[bytes], dict[str, bytes]] | None:
    """Return the elements of ``events`` and the other members by name; ``None`` if the body is no such object."""
    events: list[bytes] | None = None
    members: dict[str, bytes] = {}
    match = _OPEN.match(body)
    while match and (name := _NAME.match(body, match.end())):
        if name[1] == b'"events"' and (match := _LIST.match(body, name.end())):
            events, at = _elements(body, match.end())
            match = _NEXT.match(body, at)
        elif match := _MEMBER.match(body, name.end()):
            members[name[1][1:-1].decode("latin-1")] = match[1]
        if not match:
            return None
        if match[match.re.groups] == b"}":
            return (events, members) if events is not None else None
    return None


def _elements(body: bytes, at: int) -> tuple[list[bytes], int]:
    """Return the elements of the list that is open at a place, one more than may be at most, and where it ends."""
    elements: list[bytes] = []
    while len(elements) <= MAX_BATCH_EVENTS and (match := _ELEMENT.match(body, at)):
        elements.append(match[1])
        at = match.end()
        if match[2] == b"]":
            break
    return elements, at

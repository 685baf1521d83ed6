"""Links that a source only spells out: an interpretation names its policy as 《title》 and gives no id.

In: the items of one file. Out: the same items, interpretations linked to the policies they quote in their title.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from civicrec.catalogue.references import titles
from civicrec.items import Item, Link

_SHORTEST_NAME = 8  # 《通知》 or 《实施办法》 names no document
_MOST_POLICIES = 3  # a name that fits more documents than this tells none of them apart


def linked_by_title(items: Sequence[Item]) -> list[Item]:
    """Return the items with a link `interprets` from each interpretation to the policies its title quotes.

    An interpretation that has links already is left alone.
    """
    policies: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if item.item_type == "policy":
            for name in _names(item.title):
                policies[name].append(item.item_id)
    return [_linked(item, policies) if item.item_type == "interpretation" else item for item in items]


def _linked(item: Item, policies: dict[str, list[str]]) -> Item:
    if item.links:
        return item
    quoted = (name for title in titles(item.title) for name in _names(title))
    policy_ids = [policies[name] for name in quoted if 0 < len(policies.get(name, ())) <= _MOST_POLICIES]
    targets = dict.fromkeys(item_id for item_ids in policy_ids for item_id in item_ids)
    return msgspec.structs.replace(item, links=tuple(Link("interprets", item_id) for item_id in targets))


def _names(title: str) -> Iterable[str]:
    """Return what a document of this title is called: the title, without its issuer, and the name it puts in 《》."""
    title = re.sub(r"\s+", "", title)
    names = {title, *titles(title)}
    names |= {name[name.index("关于") :] for name in names if "关于" in name}
    return sorted(name for name in names if len(name) >= _SHORTEST_NAME)

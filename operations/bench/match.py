"""How long it takes to tell what fits a firm, by the attributes kept of it, among many policies."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from time import process_time

import numpy as np

from civicrec.clock import utc_now
from civicrec.items import Item, ItemType, StatedRule
from civicrec.registry.attributes import change, kept_of
from civicrec.registry.tables import registry_at
from civicrec.security.sealing import Seal
from profiles.rights.attributes import decision, in_force
from profiles.rules.attributes import load_attributes
from profiles.rules.language import holds
from recommender.catalogue import Catalogue
from recommender.match import conditions_of, match

_ROUNDS = 100
_TYPES: tuple[ItemType, ...] = ("policy",)
_FIRM = {"audience": "企业法人", "scale": "小型企业", "region": "440106", "years": 3, "qualification": ["高新技术企业"]}


def bench_match(n_items: int) -> dict[str, dict[str, float]]:
    """Return CPU milliseconds of each part, and of the same decided item by item.

    Parameters
    ----------
    n_items
        Policies, each with its fields and a rule on the age of the enterprise: one of ten, and each its own.
    """
    return {name: _measured(_policies(n_items, n_rules)) for name, n_rules in (("shared", 10), ("own", n_items))}


def _measured(items: list[Item]) -> dict[str, float]:
    catalogue, now, subject, seal = Catalogue.of(items), utc_now(), "0" * 32, Seal(bytes(32))
    with tempfile.TemporaryDirectory() as folder, registry_at(f"sqlite:///{Path(folder)}/registry.sqlite") as registry:
        change(registry, subject, decision(_FIRM, subject, seal, now), now)
        attributes = in_force(kept_of(registry, subject), subject, seal, now)
        match(catalogue, attributes, _TYPES, 20, now)  # what is worked out once a catalogue
        read, matched = list[float](), list[float]()
        for _ in range(_ROUNDS):
            began = process_time()
            attributes = in_force(kept_of(registry, subject), subject, seal, now)
            read.append(process_time() - began)
            match(catalogue, attributes, _TYPES, 20, now)
            matched.append(process_time() - began - read[-1])
    began = process_time()
    for item in catalogue.items.values():
        all(holds(one.rule, attributes) for one in conditions_of(item))
    figures = {"item_by_item_ms": 1_000 * (process_time() - began)}
    for name, seconds in (("read_and_open_ms", read), ("match_ms", matched)):
        for share in (50, 95):
            figures[f"{name}_p{share}"] = float(1_000 * np.percentile(seconds, share))
    return figures


def _policies(n_items: int, n_rules: int) -> list[Item]:
    known, now = load_attributes(), utc_now()
    audiences, scales = known["audience"].options, known["scale"].options
    return [
        Item(
            item_id=f"p{n}", item_type="policy", title=f"扶持政策{n}", published_at=now - timedelta(hours=n),
            audiences=audiences[: n % 4], enterprise_scales=scales[: n % 3],
            region_code=f"{440000 + 100 * (n % 21) + n % 7}",
            conditions=(StatedRule({"attribute": "years", "at_least": n % n_rules * 10 / n_rules}, "成立满若干年"),),
        )
        for n in range(n_items)
    ]  # fmt: skip

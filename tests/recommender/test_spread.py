"""A portal nobody has visited shows a bit of everything, not codes in order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from civicrec.items import Item, Link
from profiles.online.ports import ActorState
from recommender.catalogue import Catalogue
from recommender.recommend import recommend
from recommender.request import Request
from recommender.scenes.files import shipped_scenes
from recommender.signals import Signals
from recommender.spread import spread_rows
from tests.recommender.worlds import NOW, an_item

SCENES = shipped_scenes()
THEMES, ISSUERS = ("就业创业", "社会保障", "住房保障", "教育科研", "医疗卫生"), ("教育局", "民政局", "税务局")


def a_cold_catalogue() -> Catalogue:
    """Return services as an office exports them, by code, and old policies."""
    services = [
        an_item(f"1144{place:04}", "service", theme=(THEMES[place // 60],), issuer=ISSUERS[place // 20 % 3])
        for place in range(300)
    ]
    policies = [
        an_item(f"p{place}", "policy", issuer=ISSUERS[place % 3], published_at=NOW - timedelta(days=400 + place))
        for place in range(100)
    ]
    return Catalogue.of([*services, *policies])


def shown(catalogue: Catalogue, scene: str, n: int) -> list[Item]:
    made = recommend(Request(SCENES[scene], n), ActorState(), catalogue, Signals(), NOW)
    return [one.item for one in made.items]


def test_types_themes_and_issuers_take_turns() -> None:
    items = shown(a_cold_catalogue(), "home", 20)
    assert Counter(item.item_type for item in items) == {"service": 10, "policy": 10}
    services = [item for item in items if item.item_type == "service"]
    assert Counter(item.theme[0] for item in services) == dict.fromkeys(THEMES, 2)
    assert set(Counter(item.issuer for item in items)) == set(ISSUERS)
    assert [item.item_id for item in services] != sorted(item.item_id for item in services)


def test_of_one_kind_the_newest_come_first() -> None:
    policies = [item.item_id for item in shown(a_cold_catalogue(), "policies", 6)]
    assert policies == ["p0", "p1", "p2", "p3", "p4", "p5"]


def test_what_has_no_date_goes_by_what_hangs_on_it() -> None:
    plain = [an_item(f"s{place}", "service", theme=("社会保障",)) for place in range(9)]
    catalogue = Catalogue.of([*plain, an_item("p", "policy", links=(Link("serves", "s7"),))])
    assert next(item.item_id for item in shown(catalogue, "services", 1)) == "s7"


@pytest.mark.parametrize("n", [0, 1, 40])
def test_every_row_stands_once(n: int) -> None:
    catalogue = Catalogue.of([an_item(f"i{place}", ("news", "faq")[place % 2]) for place in range(n)])
    assert sorted(spread_rows(catalogue).tolist()) == list(range(n))


def test_a_scene_by_date_stays_by_date() -> None:
    catalogue = a_cold_catalogue()
    assert [item.item_id for item in shown(catalogue, "latest", 4)] == ["p0", "p1", "p2", "p3"]


def test_a_place_with_themes_of_its_own_begins_with_them_although_they_are_rare() -> None:
    themes = [*(f"主题{n}" for n in range(60)), "医疗卫生", "社会保障"]
    items = [an_item(f"s{n:03}", "service", theme=(themes[n % len(themes)],)) for n in range(310)]
    made = shown(Catalogue.of([*items, *[an_item(f"p{n}", theme=("医疗卫生",)) for n in range(9)]]), "elder", 9)
    assert Counter((item.item_type, *item.theme) for item in made) == {
        ("service", "医疗卫生"): 3,
        ("service", "社会保障"): 3,
    }

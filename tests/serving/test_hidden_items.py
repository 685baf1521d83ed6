"""What is hidden is told by no route, through no parameter: neither its title, nor its text, nor its summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.editorial import Rule
from civicrec.items import Item, ItemType, Link, Rel
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.editorial import add_rule
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import OnlineUpdate, RecentItem
from recommender.scenes.files import shipped_scenes
from tests.builders import a_crowd
from tests.serving.conftest import NOW, THEMES, Api, items, open_api

SCENES = shipped_scenes()

#: Kind → what makes an item of it. Nobody may learn of the first ones; the others are public, but nothing to recommend.
SECRET: dict[str, dict[str, Any]] = {
    "draft": {"status": "draft"},
    "withdrawn": {"status": "withdrawn"},
    "withdrawn-draft": {"status": "draft"},
    "embargoed": {"published_at": NOW + timedelta(seconds=1)},
    "embargoed-and-withdrawn": {"published_at": NOW + timedelta(days=1), "status": "withdrawn"},
    "reprinted-without-permission": {"item_type": "news", "source_permitted": False},
    "reprinted-and-withdrawn": {"item_type": "news", "source_permitted": False, "status": "withdrawn"},
    **{f"draft-{name}": {"item_type": name, "status": "draft"} for name in get_args(ItemType)},
}
PAST: dict[str, dict[str, Any]] = {
    "expired": {"valid_until": NOW}, "void": {"validity": "废止"}, "early": {"valid_from": NOW + timedelta(days=1)},
}  # fmt: skip
KINDS = SECRET | PAST
VISITOR = "visitor-who-read-all-of-it"


def hidden_items() -> list[Item]:
    return [
        Item(**{
            "item_id": kind, "item_type": "policy", "title": f"机密{kind}标题", "summary": f"机密{kind}摘要",
            "body_text": f"机密{kind}正文《第1号事项》", "document_no": f"云府发〔2026〕{n}号", "theme": THEMES,
            "published_at": NOW - timedelta(days=1), "links": (Link("serves", "i1"), Link("serves", "i4")), **fields,
        })
        for n, (kind, fields) in enumerate(KINDS.items(), start=1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A portal on which hidden items are linked, named, read, clicked together, and hot."""
    api = open_api(tmp_path_factory.mktemp("home"), MemoryOnlineStore())
    naming = Item(
        item_id="naming", item_type="interpretation", title="解读", theme=(THEMES[0],), published_at=NOW,
        summary="、".join(item.document_no for item in hidden_items()),
        links=tuple(Link(rel, kind) for rel in get_args(Rel) for kind in KINDS),
    )  # fmt: skip
    upsert_items(api.registry, [*items(), naming, *hidden_items()])
    for place, kind in enumerate(KINDS):
        add_rule(api.registry, Rule("pin", kind, position=place % 5, why="机密", text="重点"), NOW)
        add_rule(api.registry, Rule("boost", kind, factor=5, why="机密"), NOW)
    set_status(api.registry, ["withdrawn-draft"], "withdrawn", who="test", why="test", now=NOW)
    hour = to_ms(NOW) // 3_600_000
    api.store.apply(Commit("log", 0, 1), OnlineUpdate(
        recent={VISITOR: [RecentItem(kind, to_ms(NOW) + n) for n, kind in enumerate(KINDS)]},
        interests={hour: dict.fromkeys(KINDS, a_crowd())},
        co_clicks={
            "i1": dict.fromkeys(KINDS, a_crowd()), **dict.fromkeys(KINDS, dict.fromkeys(["i1", "i2"], a_crowd()))
        },
    ))  # fmt: skip
    api.live.refresh()
    yield api
    api.live.stop()
    api.registry.dispose()


def asked(api: Api, route: str, one: str, scene: str, general: bool) -> str:
    """Ask a route for or by an item; return all it says."""
    mode = {"mode": "general"} if general else {}
    body = {
        "list": lambda: api.get("/v1/recommendations", scene=scene, item_id=one, explain=1, n=100, **mode),
        "recent": lambda: api.get("/v1/recommendations", scene=scene, recent=f"i3,{one}", explain=1, n=100, **mode),
        "exclude": lambda: api.get("/v1/recommendations", scene=scene, exclude=one, explain=1, n=100, **mode),
        "history": lambda: api.get("/v1/recommendations", scene=scene, anonymous_id=VISITOR, explain=1, n=100, **mode),
        "page of lists": lambda: api.post("/v1/recommendations", {
            "blocks": [{"scene": scene, "n": 20, "item_id": one, "exclude": [one]}, {"scene": "item", "n": 20}],
            "recent": [one], "anonymous_id": VISITOR, "explain": True, **mode,
        }),
        "related of another": lambda: api.get("/v1/items/i1/related", n=20, explain=1),
        "related of what names it": lambda: api.get("/v1/items/naming/related", n=20, explain=1),
        "feedback": lambda: api.post("/v1/feedback", {"kind": "dislike", "item_id": one}),
        "page of another": lambda: api.get("/portal/items/i1"),
        "page that names it": lambda: api.get("/portal/items/naming"),
        "home page": lambda: api.ask("GET", "/portal/", headers={
            "Cookie": f"civicrec_consent=personalise; civicrec_aid={VISITOR}"
        }),
        "application": lambda: api.get(f"/portal/apply/{one}"),
        "choice": lambda: api.ask("POST", "/portal/elder", content=f"elder=1&next=/portal/items/{one}"),
        "next page": lambda: api.get("/v1/recommendations", scene=scene, recent=one, explain=1, n=5, cursor=api.get(
            "/v1/recommendations", scene=scene, recent=one, n=5
        ).json()["next_cursor"]),
    }[route]().text  # fmt: skip
    return str(body)


ROUTES = (
    "list", "recent", "exclude", "history", "page of lists", "related of another", "related of what names it",
    "feedback", "page of another", "page that names it", "home page", "application", "choice", "next page",
)  # fmt: skip


@given(st.sampled_from(ROUTES), st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(SCENES)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_route_tells_of_a_hidden_item(open_house: Api, route: str, one: str, scene: str, general: bool) -> None:
    assert "机密" not in asked(open_house, route, one, scene, general)


@pytest.mark.parametrize("one", SECRET)
def test_a_secret_has_no_page_no_related_items_and_takes_no_feedback(open_house: Api, one: str) -> None:
    page = open_house.get(f"/portal/items/{one}")
    assert page.status_code == (410 if one == "withdrawn" else 404)
    assert "机密" not in page.text
    unknown = open_house.get("/v1/items/nobody-has-this-id/related")
    related = open_house.get(f"/v1/items/{one}/related")
    assert related.status_code == 404
    assert related.text.replace(one, "") == unknown.text.replace("nobody-has-this-id", "")  # it looks like no item
    assert open_house.post(
        "/v1/feedback", {"kind": "dislike", "item_id": one, "anonymous_id": "a"}
    ).status_code == 404  # fmt: skip


@pytest.mark.parametrize("one", PAST)
def test_what_is_public_but_not_in_force_keeps_its_page(open_house: Api, one: str) -> None:
    assert f"机密{one}标题" in open_house.get(f"/portal/items/{one}").text
    assert open_house.get(f"/v1/items/{one}/related").status_code == 200


def test_closed_applications_are_in_no_related_list(open_house: Api) -> None:
    upsert_items(open_house.registry, [
        Item(item_id="shut", item_type="service", title="已截止的申报", apply_until=NOW, published_at=NOW,
             links=(Link("serves", "i1"),)),
    ])  # fmt: skip
    open_house.live.refresh()
    assert "shut" not in open_house.get("/v1/items/i1/related", n=20).text


@given(st.sampled_from(sorted(SCENES)), st.text("abcdef0123456789-_", min_size=1, max_size=64))
@settings(max_examples=60, deadline=None)
def test_a_general_list_is_one_list_whoever_asks(open_house: Api, scene: str, visitor: str) -> None:
    mode = {} if not SCENES[scene].personalised else {"mode": "general"}
    assert open_house.ids(scene=scene, n=20, anonymous_id=visitor, **mode) == open_house.ids(scene=scene, n=20, **mode)
    assert open_house.ids(scene=scene, n=20, anonymous_id=visitor) == open_house.ids(scene=scene, n=20)  # a stranger

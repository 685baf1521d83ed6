"""What editors decide acts in a running process on the next request."""

from __future__ import annotations

import time

from civicrec.editorial import Rule
from civicrec.registry.catalogue import set_status
from civicrec.registry.editorial import add_rule, remove_rule
from tests.serving.conftest import NOW, Api

URL = "/v1/recommendations"


def test_a_rule_is_taken_in_with_the_catalogue_and_rebuilds_nothing(api: Api) -> None:
    before = api.live.catalogue
    kept = add_rule(api.registry, Rule("pin", "i20", position=0, why="x", text="重点"), NOW)
    api.live.refresh()
    assert api.live.catalogue.items is before.items
    told = api.get(URL, n=3).json()["items"][0]
    assert (told["item_id"], told["source"], told["position"]) == ("i20", "editorial", 0)
    assert told["reasons"] == [{"code": "editorial", "text": "编辑推荐：重点", "evidence": {"rule": kept.number}}]
    set_status(api.registry, ["i20"], "withdrawn", who="editor", why="wrong", now=NOW)
    api.live.refresh()
    assert "i20" not in api.ids(n=100)
    set_status(api.registry, ["i20"], "online", who="editor", why="right", now=NOW)
    api.live.refresh()
    assert api.ids(n=3)[0] == "i20"
    remove_rule(api.registry, kept.number, who="editor", why="x", now=NOW)
    api.live.refresh()
    assert "i20" not in api.ids(n=3)


def test_blocks_of_one_page_and_later_pages_repeat_no_pin(api: Api) -> None:
    add_rule(api.registry, Rule("pin", "i20", position=0, why="x"), NOW)
    add_rule(api.registry, Rule("pin", "i21", position=0, scene="services", why="x"), NOW)
    api.live.refresh()
    page = api.post(URL, {"blocks": [{"scene": "home", "n": 4}, {"scene": "hot", "n": 4}, {"scene": "latest", "n": 4}]})
    lists = [[item["item_id"] for item in one["items"]] for one in page.json()["blocks"]]
    assert lists[0][0] == "i20"
    shown = [item_id for one in lists for item_id in one]
    assert len(shown) == len(set(shown)) == 12
    first = api.get(URL, n=4).json()
    later = api.ids(n=100, cursor=first["next_cursor"])
    assert "i20" not in later
    assert len(later) + 4 == 30


def test_a_rule_and_a_withdrawal_act_within_50_ms(api: Api) -> None:
    api.live.start()
    waited_s = []
    for turn in range(5):
        kept = add_rule(api.registry, Rule("block", f"i{turn}", why="x"), NOW)
        began = time.monotonic()
        while api.live.catalogue.version < kept.number and time.monotonic() < began + 5:
            time.sleep(0.001)
        waited_s.append(time.monotonic() - began)
        assert f"i{turn}" not in api.ids(n=100)
    assert min(waited_s) < 0.05  # a busy machine only ever adds

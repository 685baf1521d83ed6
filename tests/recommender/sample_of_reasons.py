"""Asks a running demo for lists and keeps the first reason of each item, to be read and judged one by one.

In: the address of the list API of `civicrec demo`. Out: `sample_of_reasons.json`; a reason read before keeps its
verdict, others are `unread`.

    civicrec demo                                            # in one window
    python -m tests.recommender.sample_of_reasons http://127.0.0.1:8702
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from civicrec.clock import utc_now
from operations.demo.catalogue import demo_items
from operations.demo.simulator import Parameters, residents

KEPT = Path(__file__).with_suffix(".json")
#: Who asks, where, how many; titles of what they read last, and the title of the page's item.
ASKED: tuple[dict[str, Any], ...] = (
    {"scene": "home", "n": 10, "who": "one click on a school notice", "read": ["义务教育入学报名进入第六天"]},
    {"scene": "home", "n": 10, "who": "looks for work", "read": ["应届毕业生来澜", "第三家青年驿站", "青年人才来澜"]},
    {"scene": "home", "n": 10, "who": "nobody knows", "read": []},
    {"scene": "home", "n": 10, "who": "resident", "read": []},
    {"scene": "services", "n": 6, "who": "looks for work", "read": ["应届毕业生来澜", "青年人才来澜"]},
    {"scene": "services", "n": 6, "who": "a pensioner", "read": ["老年", "养老", "慢性病"]},
    {"scene": "policies", "n": 6, "who": "a small firm", "read": ["中小微企业贷款贴息的通知", "第一次开公司"]},
    {"scene": "policies", "n": 6, "who": "resident", "read": []},
    {"scene": "item", "n": 6, "who": "nobody knows", "read": [], "page": "高校毕业生一次性求职补贴"},
    {"scene": "item", "n": 6, "who": "reads the news", "read": ["环湖绿道"], "page": "图书馆夜间开放"},
    {"scene": "news", "n": 6, "who": "reads the news", "read": ["环湖绿道", "夜市"]},
    {"scene": "elder", "n": 6, "who": "a pensioner", "read": ["老年", "养老"]},
    {"scene": "home", "n": 6, "who": "parents", "read": ["义务教育入学报名", "育儿补贴", "新生儿"]},
    {"scene": "hot", "n": 6, "who": "nobody knows", "read": []},
)


def sample(address: str) -> list[dict[str, Any]]:
    """Return the lists with their reasons."""
    items, actors = demo_items(utc_now()), iter(_much_read())
    before = {(one["title"], one["text"]): one for made in _kept() for one in made["reasons"]}
    lists: list[dict[str, Any]] = []
    with httpx.Client(base_url=address, timeout=10) as api:
        for asked in ASKED:
            read = [next(item for item in items if words in item.title) for words in asked["read"]]
            page = next((item for item in items if asked.get("page", "—") in item.title), None)
            parameters = {
                "scene": asked["scene"], "n": asked["n"], "recent": ",".join(item.item_id for item in read),
                "item_id": page.item_id if page else "",
                "anonymous_id": next(actors) if asked["who"] == "resident" else f"sample-{len(lists)}",
            }  # fmt: skip
            answer = api.get("/v1/recommendations", params=parameters).raise_for_status().json()
            reasons = []
            for item in answer["items"]:
                told = {"type": item["item_type"], "title": item["title"], **item["reasons"][0]}
                told.pop("evidence")
                known = before.get((told["title"], told["text"]), {"verdict": "unread"})
                reasons.append(told | {name: known[name] for name in ("verdict", "remark") if name in known})
            lists.append({
                "who": asked["who"], "scene": asked["scene"], "read": [item.title for item in read],
                "page": page.title if page else "", "reasons": reasons,
            })  # fmt: skip
    return lists


def _much_read() -> list[str]:
    """Return residents of the simulated city who read most, and so have a profile."""
    known = sorted(residents(Parameters()), key=lambda one: -one.clicks)
    return [one.actor for one in known if one.consent == "personalise"]


def _kept() -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else []
    return kept


if __name__ == "__main__":
    KEPT.write_text(json.dumps(sample(sys.argv[1]), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

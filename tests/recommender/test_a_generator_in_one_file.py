"""A generator is one file: with it in the folder, lists, reasons, closed lists and the transparency page know it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recommender.generators import GENERATORS, by_source

ROOT = Path(__file__).parents[2]

THE_FILE = '''
"""Candidates by number: every seventh item."""

import numpy as np

from recommender.candidates.generator import Generator, Scored
from recommender.request import Reason


def seven_candidates(query, n):
    rows = [row for row in query.catalogue.rows_of(f"i{number}" for number in range(3, 30, 7)) if query.open_rows[row]]
    rows = sorted(rows)[:n]
    return Scored(np.array(rows, np.int64), np.full(len(rows), 2.0))


def seven_reasons(query, rows):
    told = {row: query.catalogue.item_ids[row] for row in rows}
    return {row: [Reason("seven", f"每七号一个：{item_id}", {"item_id": item_id})] for row, item_id in told.items()}


GENERATOR = Generator("seven", seven_candidates, seven_reasons, ("seven",), "每七号一个事项", 5.0)
'''

ASKED = """
import json, sys
from pathlib import Path

from recommender import candidates

candidates.__path__.append(sys.argv[1])

from civicrec.registry.catalogue import upsert_items
from profiles.online.memory import MemoryOnlineStore
from recommender.generators import GENERATORS, REASON_CODES
from tests.serving.conftest import items, open_api

api = open_api(Path(sys.argv[2]), MemoryOnlineStore())
upsert_items(api.registry, items())
api.live.refresh()
print(json.dumps({
    "sources": list(GENERATORS), "codes": REASON_CODES,
    "list": api.get("/v1/recommendations", n=4, explain=1).json()["items"],
    "transparency": api.get("/v1/transparency").json()["scenes"][0]["sources"],
}))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Return what a process says in whose folder of generators there is one file more."""
    folder, home = tmp_path_factory.mktemp("candidates"), tmp_path_factory.mktemp("home")
    (folder / "seven.py").write_text(THE_FILE)
    done = subprocess.run(
        [sys.executable, "-c", ASKED, folder, home], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_its_items_are_in_the_list_with_its_reason(answers: Mapping[str, Any]) -> None:
    items = answers["list"]
    assert {item["item_id"] for item in items if item["source"] == "seven"} == {"i3", "i10", "i17", "i24"}
    assert [item["reasons"][0] for item in items] == [
        {"code": "seven", "text": f"每七号一个：{item['item_id']}", "evidence": {"item_id": item["item_id"]}}
        for item in items
    ]


def test_the_closed_lists_hold_it(answers: Mapping[str, Any]) -> None:
    assert set(answers["sources"]) == {"seven", *GENERATORS}
    assert "seven" in answers["codes"]


def test_the_transparency_page_tells_it(answers: Mapping[str, Any]) -> None:
    assert {"source": "seven", "weight": 5.0, "says": "每七号一个事项"} in answers["transparency"]


def test_two_of_one_name_are_refused() -> None:
    one = GENERATORS["fresh"]
    with pytest.raises(ValueError, match="two generators are called 'fresh'"):
        by_source([one, replace(one, weight=0.7)])

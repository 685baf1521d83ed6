"""The list of docs/senders for mini-programs, by the rules of their JavaScript, on a real stack."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.e2e.widget_portal import Portal
from tests.running import free_ports, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(not shutil.which("node"), reason="needs node")]
SENDERS = Path(__file__).parents[2] / "docs" / "senders"
Ask = Callable[..., Any]


@contextmanager
def mini_program(lists: str, collect: str, consent: str = "personalise", timeout_ms: int = 9_000) -> Iterator[Ask]:
    """Run the page of the example; the answer asks it to do something."""
    setup = {"lists": lists, "collect": collect, "site": "gz", "consent": consent, "timeoutMs": timeout_ms}
    command = ["node", "--experimental-vm-modules", "--no-warnings", str(Path(__file__).with_name("mini_program.mjs"))]
    child = subprocess.Popen(
        [*command, str(SENDERS), json.dumps(setup)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin
    assert child.stdout
    stdin, stdout = child.stdin, child.stdout

    def ask(name: str, **given: Any) -> Any:
        stdin.write(json.dumps({"name": name, **given}) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the mini-program ended"
        return json.loads(line)

    try:
        yield ask
    finally:
        stdin.close()
        child.wait(20)
        stdout.close()


def test_a_list_is_shown_told_and_changes_after_taps(portal: Portal) -> None:
    with mini_program(portal.door, portal.stack.collector_url) as ask:
        first = ask("show")
        assert len(first["items"]) == 6
        assert all(item["title"] and item["reason"] for item in first["items"])
        assert (portal.asked[-1]["mode"], len(portal.asked[-1]["anonymous_id"])) == ("personalised", 36)
        assert first["label"] == "通用推荐：未使用您的浏览记录。"  # there is none yet
        ask("see", position=0, ratio=0.6)
        ask("see", position=1, ratio=0.6)
        ask("see", position=2, ratio=0.4)
        time.sleep(0.3)
        ask("see", position=1, ratio=0.1)  # scrolled away before the second was over
        time.sleep(1.2)
        ask("see", position=0, ratio=0.0)
        ask("see", position=0, ratio=0.9)  # and back: it is the same list
        time.sleep(1.2)
        ids = [item["item_id"] for item in first["items"]]
        assert ask("open", position=0) == f"/pages/item/item?id={ids[0]}"
        second = wait_for(
            lambda: (now := ask("show")) and ids[0] not in [one["item_id"] for one in now["items"]] and now, 30,
            "another list",
        )  # fmt: skip
        assert any("您看过的《" in item["reason"] for item in second["items"])
        assert second["label"] == "个性化推荐：根据您的浏览记录推荐。"
        ask("see", position=5, ratio=1.0)
        ask("hide")
        time.sleep(1.2)
        ask("flush")
        who = portal.asked[-1]["anonymous_id"]
    warehouse = ClickHouseWarehouse(portal.stack.settings.warehouse)
    columns = ("kind", "item_id", "position", "n", "scene", "channel")
    sql = (
        "SELECT kind, item_id, position, length(request_id) AS n, scene, channel FROM events "
        "WHERE anonymous_id = {who:String}"
    )
    rows = wait_for(lambda: len(rows := warehouse.rows(sql, {"who": who})) >= 2 and rows, 30, "the events")
    warehouse.close()
    assert sorted(tuple(row[name] for name in columns) for row in rows) == [
        ("click", ids[0], 0, 32, "home", "mini"),
        ("impression", ids[0], 0, 32, "home", "mini"),
    ]


def test_without_consent_the_list_is_general_and_names_nobody(portal: Portal) -> None:
    with mini_program(portal.door, portal.stack.collector_url, "measure") as ask:
        shown = ask("show")
        assert (len(shown["items"]), shown["label"]) == (6, "通用推荐：未使用您的浏览记录。")
    assert (portal.asked[-1]["mode"], portal.asked[-1]["anonymous_id"]) == ("general", "")


@pytest.mark.parametrize(
    "answer", [(503, '{"detail": "busy"}'), (200, "<html>login</html>"), (200, '{"blocks": [{"items": []}]}'), None],
    ids=["failing", "not JSON", "empty", "slow"],
)  # fmt: skip
def test_the_page_keeps_what_it_has_without_a_list_in_time(portal: Portal, answer: tuple[int, str] | None) -> None:
    portal.answer, portal.late_s = answer, 0.0 if answer else 1.0
    with mini_program(portal.door, portal.stack.collector_url, timeout_ms=400) as ask:
        assert ask("show") == {"items": [], "label": ""}
        assert ask("open", position=0) is None


def test_a_server_that_is_away_is_no_fault_of_the_page(portal: Portal) -> None:
    (closed,) = free_ports(1)
    with mini_program(f"http://127.0.0.1:{closed}", portal.stack.collector_url, timeout_ms=400) as ask:
        assert ask("show")["items"] == []

"""The two example senders against a real collector: what they send arrives once, busy or not."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.tracker.site import STRANGERS, Site, arrive_once

pytestmark = pytest.mark.stack

SENDERS = Path(__file__).parents[3] / "docs" / "senders"


def python_sender(site: Site, events: list[Any], url: str = "", proxy: str = "") -> subprocess.CompletedProcess[str]:
    """Send events, or lines as they are."""
    lines = (event if isinstance(event, str) else json.dumps(event) for event in events)
    command = [sys.executable, "-I", str(SENDERS / "python_sender.py"), url or site.stack.collector_url]
    if proxy:
        command = ["env", f"http_proxy={proxy}", f"ALL_PROXY={proxy}", *command]
    return subprocess.run(
        [*command, "--site", site.name],
        input="\n".join(lines), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_python_sends_events_and_tells_what_was_refused(site: Site) -> None:
    good = [{"kind": "click", "anonymous_id": "v1", "item_id": f"a{n}"} for n in range(150)]
    done = python_sender(site, [*good, {"kind": "nonsense", "anonymous_id": "v1"}])
    assert done.returncode == 1, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["accepted"] for answer in answers] == [100, 50]
    assert [refused["reason"] for refused in answers[1]["rejected"]] == ["unknown_kind"]
    told = site.events()
    assert sorted(event.item_id for event in told) == sorted(event["item_id"] for event in good)
    assert {(event.channel, event.event_id.version) for event in told} == {("server", 7)}
    assert arrive_once(told)


def test_python_repeats_the_same_ids_while_the_collector_is_busy(site: Site) -> None:
    site.statuses = [503, 0, 200]
    site.retry_after = "1"
    done = python_sender(site, [{"kind": "click", "anonymous_id": "v1"}], site.endpoint.removesuffix("/v1/events"))
    assert done.returncode == 0, done.stderr
    assert [status for _, status, _ in site.batches] == [503, 0, 200]
    assert site.batches[1][0] - site.batches[0][0] >= 1
    assert len({body["events"][0]["event_id"] for _, _, body in site.batches}) == 1
    assert len(site.events()) == 1


def test_python_goes_on_after_a_batch_refused_for_good_and_says_how_many(site: Site) -> None:
    site.refuse(413, times=2)
    events = [{"kind": "click", "anonymous_id": "v1", "item_id": f"a{n}"} for n in range(150)]
    done = python_sender(site, events, site.endpoint.removesuffix("/v1/events"))
    assert done.returncode == 2
    assert [len(body["events"]) for _, _, body in site.batches] == [100, 50]
    assert "150 events were refused" in done.stderr
    assert "the endpoint is closed" in done.stderr


@pytest.mark.parametrize("who", STRANGERS)
def test_python_believes_nobody_but_the_collector(site: Site, who: str) -> None:
    site.strangers = [STRANGERS[who]]
    done = python_sender(site, [{"kind": "click", "anonymous_id": "v1"}], site.endpoint.removesuffix("/v1/events"))
    assert done.returncode == 0, done.stderr
    assert len({body["events"][0]["event_id"] for _, _, body in site.batches}) == 1
    assert len(site.events()) == 1


def test_python_mends_what_is_no_text_and_names_lines_that_hold_no_event(site: Site) -> None:
    lines = [
        '{"kind": "click", "anonymous_id": "v1", "item_id": "a", "title": "x\\ud83d", "slot": null}',
        "not json",
        '{"kind": "click", "anonymous_id": "v1", "item_id": "b", "title": "\\ud83d\\ude00", "props": {"city": null}}',
    ]
    done = python_sender(site, lines)
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert sorted((event.item_id, event.title) for event in site.events()) == [("a", "x"), ("b", "\U0001f600")]


def test_python_never_asks_the_proxy_of_the_environment(site: Site) -> None:
    done = python_sender(site, [{"kind": "click", "anonymous_id": "v1"}], proxy="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert len(site.events()) == 1


MINI = """
import {{ sender, uuid7 }} from {module};
import {{ readFileSync, writeFileSync, existsSync }} from "node:fs";
const file = {file}, kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {{}};
const post = async (url, body) => {{
  const answer = await fetch(url, {{ method: "POST", body, redirect: "manual" }});
  return {{ status: answer.status, data: await answer.text(), retryAfter: answer.headers.get("retry-after") }};
}};
const full = () => {{ throw new Error("storage is full"); }};
const civicrec = sender({{ url: {url}, site: {site}, channel: "mini", consent: "personalise", post,
  load: {storage} ? (key) => kept[key] : full, warn: (text) => console.log(text),
  save: {storage} ? (key, value) => {{ kept[key] = value; writeFileSync(file, JSON.stringify(kept)); }} : full }});
for (let n = 0; n < {n}; n++) civicrec.event("click", {{ item_id: "m" + n, title: "x\\ud83d", slot: null }});
if ({ids}) console.log(JSON.stringify(Array.from({{ length: 1000 }}, (_, n) => uuid7(1.7e12 + n))));
if ({last}) setTimeout(() => {{ civicrec.event("share", {{ item_id: "last" }}); civicrec.flush(); }}, {ms} - 500);
setTimeout(() => process.exit(), {ms});
"""


def mini_sender(
    site: Site, folder: Path, n: int, ms: int, *, ids: bool = False, storage: bool = True, last: bool = False
) -> str:
    if not shutil.which("node"):
        pytest.skip("needs node")
    script = folder / "mini.mjs"
    facts = {
        "module": str(SENDERS / "mini_sender.mjs"),
        "file": str(folder / "kept.json"),
        "url": site.endpoint,
        "site": site.name,
        "ids": ids,
        "storage": storage,
        "last": last,
    }
    script.write_text(MINI.format(**{k: json.dumps(v) for k, v in facts.items()}, n=n, ms=ms))
    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_javascript_without_a_dom_keeps_events_over_a_restart(site: Site, tmp_path: Path) -> None:
    site.status = 0
    mini_sender(site, tmp_path, n=25, ms=700)
    assert site.events() == []
    site.status = 200
    mini_sender(site, tmp_path, n=0, ms=2500)
    told = site.wait_events(25)
    assert sorted(event.item_id for event in told) == sorted(f"m{n}" for n in range(25))
    assert {event.channel for event in told} == {"mini"}
    assert len({event.anonymous_id for event in told}) == 1
    assert arrive_once(told)


def test_javascript_waits_as_long_as_a_busy_collector_asks(site: Site, tmp_path: Path) -> None:
    site.statuses, site.retry_after = [503], "2"
    made = json.loads(mini_sender(site, tmp_path, n=10, ms=4500, ids=True).splitlines()[0])
    assert len(set(made)) == 1000
    assert all(id[14] == "7" and id[19] in "89ab" for id in made)
    assert made == sorted(made)
    assert [status for _, status, _ in site.batches] == [503, 200]
    assert site.batches[1][0] - site.batches[0][0] >= 2
    assert len(site.events()) == 10


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2", 2), ("99999999999", 3_600), ("inf", 3_600), ("nan", 0), ("-5", 0), ("soon", 0), ("soon GMT", 0),
     ("Wed, 01 Jan 2020 00:00:00 GMT", 0), ("Wed, 01 Jan 2120 00:00:00 GMT", 3_600)],
)  # fmt: skip
def test_python_waits_for_what_a_proxy_asks_within_reason(said: str, seconds: float) -> None:
    spec = importlib.util.spec_from_file_location("python_sender", SENDERS / "python_sender.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.seconds_of(said) == seconds
    assert module.parsed(b"[" * 100_000) == {}


@pytest.mark.parametrize("who", [who for who in STRANGERS if who != "a gateway that is away"])
def test_javascript_without_a_dom_believes_nobody_but_the_collector(site: Site, tmp_path: Path, who: str) -> None:
    site.strangers = [STRANGERS[who]]
    mini_sender(site, tmp_path, n=10, ms=2200)
    assert [event.title for event in site.events()] == ["x"] * 10


def test_javascript_without_a_dom_counts_and_says_what_is_refused_for_good(site: Site, tmp_path: Path) -> None:
    site.refuse(400, times=1)
    words = mini_sender(site, tmp_path, n=10, ms=2500, last=True)
    site.wait_events(1)
    (told,) = site.events()
    assert (told.item_id, told.props) == ("last", {"dropped": 10})
    assert words.count("civicrec:") == 1
    assert "the endpoint is closed" in words


@pytest.mark.parametrize(
    "damage", ["throws", '{"civicrec.queue": "x", "civicrec.id": {}}', '{"civicrec.queue": [null, 7]}']
)
def test_an_app_never_hears_of_storage_that_is_full_or_damaged(site: Site, tmp_path: Path, damage: str) -> None:
    (tmp_path / "kept.json").write_text("{}" if damage == "throws" else damage)
    mini_sender(site, tmp_path, n=10, ms=1500, storage=damage != "throws")
    assert sorted(event.item_id for event in site.wait_events(10)) == sorted(f"m{n}" for n in range(10))

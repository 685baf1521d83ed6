"""The two example senders against a real collector: what they send arrives once, busy or not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.tracker.site import Site, arrive_once

pytestmark = pytest.mark.stack

SENDERS = Path(__file__).parents[3] / "docs" / "senders"


def python_sender(site: Site, events: list[dict[str, Any]], url: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SENDERS / "python_sender.py"), url or site.stack.collector_url, "--site", site.name],
        input="\n".join(map(json.dumps, events)), capture_output=True, text=True, timeout=60, check=False,
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
    done = python_sender(site, [{"kind": "click", "anonymous_id": "v1"}], site.door.removesuffix("/v1/events"))
    assert done.returncode == 0, done.stderr
    assert [status for _, status, _ in site.batches] == [503, 0, 200]
    assert site.batches[1][0] - site.batches[0][0] >= 1
    assert len({body["events"][0]["event_id"] for _, _, body in site.batches}) == 1
    assert len(site.events()) == 1


def test_python_does_not_repeat_what_is_refused_for_good(site: Site) -> None:
    site.status = 413
    done = python_sender(site, [{"kind": "click", "anonymous_id": "v1"}], site.door.removesuffix("/v1/events"))
    assert done.returncode == 2
    assert len(site.batches) == 1


MINI = """
import {{ sender, uuid7 }} from {module};
import {{ readFileSync, writeFileSync, existsSync }} from "node:fs";
const file = {file}, kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {{}};
const post = async (url, body) => {{
  const answer = await fetch(url, {{ method: "POST", body }});
  return {{ status: answer.status, retryAfter: answer.headers.get("retry-after") }};
}};
const civicrec = sender({{ url: {url}, site: {site}, channel: "mini", consent: "personalise", post,
  load: (key) => kept[key],
  save: (key, value) => {{ kept[key] = value; writeFileSync(file, JSON.stringify(kept)); }} }});
for (let n = 0; n < {n}; n++) civicrec.event("click", {{ item_id: "m" + n }});
if ({ids}) console.log(JSON.stringify(Array.from({{ length: 1000 }}, (_, n) => uuid7(1.7e12 + n))));
setTimeout(() => process.exit(), {ms});
"""


def mini_sender(site: Site, folder: Path, n: int, ms: int, *, ids: bool = False) -> str:
    if not shutil.which("node"):
        pytest.skip("needs node")
    script = folder / "mini.mjs"
    facts = {
        "module": str(SENDERS / "mini_sender.mjs"),
        "file": str(folder / "kept.json"),
        "url": site.door,
        "site": site.name,
    }
    script.write_text(MINI.format(**{k: json.dumps(v) for k, v in facts.items()}, n=n, ms=ms, ids=json.dumps(ids)))
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

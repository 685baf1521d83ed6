"""MSWEB through a running stack, as a portal would: catalogue, events over HTTP, stream, nightly run, lists over HTTP.

In: the two DST files. Out: recall@10 of the served lists beside the models' own, degraded answers, seconds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from civicrec.clients import http_client
from civicrec.clock import monotonic_s, rfc3339, to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.items import Item, item_json
from civicrec.metrics import quantile
from civicrec.process.progress import ShowProgress
from operations.harness.stack import OwnStack, own_stack
from operations.harness.waiting import wait_for
from recommender.artifacts import load_models
from recommender.evaluation.all_but_one import Averages, HeldOutCase, Withhold, both_ways, recommenders, withhold
from recommender.evaluation.msweb import TEST_FILE, TRAIN_FILE, Visits, read_msweb

#: What the served lists must reach over all test users; popularity alone gives 0.68.
REQUIRED_RECALL = 0.74
SITE = "msweb"
#: The visits carry no times: visitors are spread evenly over this span, a visitor's visits half a minute apart.
SPREAD = timedelta(days=10)
_STEP = timedelta(seconds=30)
_BATCH = 500
_CONNECTIONS = 8
_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class ServedList:
    """One served list, and how it came."""

    items: tuple[str, ...]
    model: str
    is_degraded: bool
    ms: float


@dataclass(slots=True)
class _Watch:
    report: ShowProgress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, total: int = 1) -> Iterator[Callable[[int], None]]:
        """Time a step and tell how far it is."""
        self.report(name, 0, total)
        began = monotonic_s()
        yield lambda done: self.report(name, done, total)
        self.seconds[name] = round(monotonic_s() - began, 2)
        self.report(name, total, total)


def run_msweb(data: Path, *, which: Withhold = "last", k: int = 10, home: Path | None = None,
              report: ShowProgress = lambda *_: None) -> dict[str, Any]:  # fmt: skip
    """Run the whole measurement and return its figures; a `home` that is given keeps the stack's files."""
    train, test = read_msweb(data / TRAIN_FILE), read_msweb(data / TEST_FILE)
    watch = _Watch(report)
    questions = withhold(test.by_user.values(), which)
    began = monotonic_s()
    with own_stack(home) as stack:
        watch.seconds["start"] = round(monotonic_s() - began, 2)
        manifest = _learn(stack, train, watch)
        models = load_models(stack.settings.models_path, manifest["run"])
        wait_for(
            lambda: manifest["run"] in _ask_one(stack, questions[0], k).model, _WAIT_S, "serving to take the new run"
        )
        with watch.step("serve", len(questions)) as done:
            answers = _ask(stack, questions, k, done)
    served = both_ways(questions, [answer.items for answer in answers], k)
    alone = {
        name: both_ways(questions, [recommend(question.known) for question in questions], k)
        for name, recommend in recommenders(models).items()
    }
    times = [answer.ms for answer in answers]
    return {
        "withheld": which,
        "visits": train.n_visits,
        "served": _figures(served, k),
        **{name: _figures(figures, k) for name, figures in alone.items()},
        "required_recall": REQUIRED_RECALL,
        "ok": served["all"].recall_at_k >= REQUIRED_RECALL,
        "degraded": sum(answer.is_degraded for answer in answers),
        "short_lists": sum(len(answer.items) < k for answer in answers),
        "serve_ms": {"p50": round(quantile(times, 0.5), 1), "p99": round(quantile(times, 0.99), 1)},
        "seconds": watch.seconds,
        "run": manifest["run"],
        "models": {name: manifest["models"][name] for name in ("item_item", "als", "offline")},
    }


def _learn(stack: OwnStack, train: Visits, watch: _Watch) -> dict[str, Any]:
    with watch.step("import"):
        path = stack.log_path.with_name("areas.jsonl")
        path.write_bytes(b"\n".join(item_json(item) for item in area_items(train)) + b"\n")
        stack.run("catalog", "import", str(path), "--format", "civicrec")
    batches = list(visit_batches(train, utc_now() - timedelta(minutes=5)))
    with watch.step("collect", len(batches)) as done, http_client(base_url=stack.collector_url, timeout=60) as client:
        for place, batch in enumerate(batches):
            answer = client.post("/v1/events", json={"sent_at": rfc3339(utc_now()), "events": batch}).raise_for_status()
            if answer.json()["accepted"] != len(batch):
                raise Unavailable(f"the collector took {answer.text[:300]} of {len(batch)} events; expected all")
            done(place + 1)
    with watch.step("stream"), http_client(base_url=stack.collector_url, timeout=60) as client:
        wait_for(
            lambda: client.get("/v1/accounting").json()["stored"] == train.n_visits, _WAIT_S, "every visit to be stored"
        )
    with watch.step("nightly"):
        manifest: dict[str, Any] = json.loads(stack.run("nightly"))
    return manifest


def area_items(visits: Visits) -> list[Item]:
    """Return the areas of the site as catalogue items."""
    return [
        Item(item_id=area.item_id, item_type="topic", title=area.title or area.path, url=area.path, source="MSWEB")
        for area in visits.areas
    ]


def visit_batches(visits: Visits, until: datetime, seed: int = 0) -> Iterator[list[dict[str, str]]]:
    """Yield the visits as batches of click events, in order of visitor; one anonymous id a visitor."""
    rng = random.Random(seed)
    batch: list[dict[str, str]] = []
    begin, share = until - SPREAD, SPREAD / max(1, len(visits.by_user))
    for place, (user, items) in enumerate(visits.by_user.items()):
        for nth, item_id in enumerate(items):
            at = min(until, begin + place * share + nth * _STEP)
            batch.append({
                "event_id": str(_uuid7(at, rng)), "kind": "click", "occurred_at": rfc3339(at), "site": SITE,
                "anonymous_id": f"{SITE}-{user}", "session_id": f"{SITE}-{user}", "item_id": item_id,
                "item_type": "topic", "consent": "personalise",
            })  # fmt: skip
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _uuid7(at: datetime, rng: random.Random) -> UUID:
    return UUID(int=to_ms(at) << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62))


def _ask(stack: OwnStack, questions: Sequence[HeldOutCase], k: int, done: Callable[[int], None]) -> list[ServedList]:
    # One kept connection a thread: what is measured is the list, not the handshake.
    with http_client(base_url=stack.serving_url, timeout=30) as client, ThreadPoolExecutor(_CONNECTIONS) as pool:
        answers = []
        for answer in pool.map(lambda question: _list_for(client, question, k), questions):
            answers.append(answer)
            done(len(answers))
        return answers


def _ask_one(stack: OwnStack, question: HeldOutCase, k: int) -> ServedList:
    with http_client(base_url=stack.serving_url, timeout=30) as client:
        return _list_for(client, question, k)


def _list_for(client: httpx.Client, question: HeldOutCase, k: int) -> ServedList:
    query: dict[str, str | int] = {"scene": "home", "n": k}
    if question.known:
        # Newest first, as a browser that keeps its own history would send it.
        query["recent"] = ",".join(reversed(question.known))
    began = monotonic_s()
    body = client.get("/v1/recommendations", params=query).raise_for_status().json()
    ms = 1000 * (monotonic_s() - began)
    return ServedList(tuple(item["item_id"] for item in body["items"]), str(body["model"]), bool(body["degraded"]), ms)


def _figures(averages: Mapping[str, Averages], k: int) -> dict[str, dict[str, float]]:
    return {
        who: {
            "users": one.users,
            f"recall@{k}": round(one.recall_at_k, 4),
            f"ndcg@{k}": round(one.ndcg_at_k, 4),
            f"mrr@{k}": round(one.mrr_at_k, 4),
            "breese": round(one.breese, 2),
        }
        for who, one in averages.items()
    }

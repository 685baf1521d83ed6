"""One of many visitors is erased from a running stack: then no file of its home holds any of their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import jwt

from civicrec.clock import rfc3339, utc_now
from civicrec.registry.erasures import erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import Keys, load_keys
from tests.builders import uuid7
from tests.running import RunningStack, problems, running_stack, wait_for

SITE, N_VISITORS, EVENTS_EACH = "demo", 300, 6


def send(stack: RunningStack, keys: Keys, visitor: int, first: int) -> list[UUID]:
    """Send some clicks of a visitor, one of them before signing in; return the ids of the events."""
    now, user = utc_now(), f"user-{visitor}"
    ids = [uuid7(now - timedelta(seconds=n), visitor * 1_000 + first + n) for n in range(EVENTS_EACH)]
    events = [
        {"event_id": str(one), "kind": "click", "occurred_at": rfc3339(now), "site": SITE, "item_id": f"item-{n}",
         "anonymous_id": browser_of(visitor), "consent": "personalise",
         **({"subject_token": keys.sign(SITE, user, now)} if n else {})}
        for n, one in enumerate(ids)
    ]  # fmt: skip
    url = f"http://127.0.0.1:{stack.settings.collector.port}/v1/events"
    answer = httpx.post(url, json={"events": events}, timeout=30)
    assert answer.status_code == 200, answer.text
    stack.last_answer = answer.json()  # type: ignore[attr-defined]
    return ids


def browser_of(visitor: int) -> str:
    return f"browser-of-visitor-{visitor:04d}"


def forms_of(ids: list[UUID], names: list[str]) -> Iterator[bytes]:
    """Yield every form in which an id may stand in a file: text, hexadecimal, bytes, and ClickHouse's two halves."""
    for name in names:
        yield name.encode()
        if len(name) == 32:
            yield bytes.fromhex(name)
    for one in ids:
        yield from (str(one).encode(), one.hex.encode(), one.bytes)
        yield one.bytes[:8][::-1] + one.bytes[8:][::-1]


def files_with(home: Path, forms: list[bytes]) -> list[str]:
    found = []
    for path in home.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            found += [f"{path.relative_to(home)}: {form!r}" for form in forms if form in held]
    return found


def test_after_an_erasure_no_file_of_the_home_holds_any_id_of_the_person(tmp_path: Path) -> None:
    with running_stack(tmp_path / "home") as stack:
        home, keys = stack.settings.home, load_keys(stack.settings)
        ids = {visitor: send(stack, keys, visitor, 0) for visitor in range(N_VISITORS)}
        me, other = 17, 18

        def names(visitor: int) -> list[str]:
            return [keys.subject_id(SITE, f"user-{visitor}"), browser_of(visitor)]

        def status() -> dict[str, object]:
            told: dict[str, object] = json.loads(stack.civicrec("status", "--json", check=False).stdout)
            return told

        wait_for(lambda: status()["stored"] == N_VISITORS * EVENTS_EACH, 90, "all events stored")
        mine = list(forms_of(ids[me], names(me)))
        assert files_with(home, mine)  # what is looked for is found
        stack.civicrec("subject", "erase", SITE, f"user-{me}", "--why", "asked by letter")

        def refused() -> bool:
            send(stack, keys, me, 500)
            return [one["reason"] for one in stack.last_answer["rejected"]] == ["erased"] * EVENTS_EACH  # type: ignore[attr-defined]

        wait_for(refused, 10, "events of the person refused")
        stack.kill("stream")  # whatever step it is at

        def done() -> bool:
            with registry_at(stack.settings.registry_address) as registry:
                return bool(erasure(registry, 1).receipt)

        wait_for(done, 200, "the receipt")
        with registry_at(stack.settings.registry_address) as registry:
            receipt = erasure(registry, 1).receipt
        told = jwt.decode(receipt, keys.site_key(SITE), algorithms=["HS256"], audience=SITE)
        before = {one["store"]: one["before"] for one in told["stores"]}
        assert before["events"] == EVENTS_EACH
        assert all(one["after"] == 0 for one in told["stores"])
        wait_for(lambda: not files_with(home, mine), 60, f"no file with an id: {files_with(home, mine)}")
        theirs = forms_of(ids[other], names(other))
        assert len(files_with(home, list(theirs)))
        assert (status()["stored"], status()["balanced"]) == (N_VISITORS * EVENTS_EACH, True)
        assert "fewer than were stored" not in problems(stack)

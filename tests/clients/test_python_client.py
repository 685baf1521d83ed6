"""Clients that openapi-python-client makes from both documents work against a running stack."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.clients.conftest import ITEMS, KEY
from tests.running import RunningStack

pytestmark = pytest.mark.stack
VISITOR = "visitor-of-a-client"
#: The tool's own sentences of a body it has no way to send, where the same call takes another, and of a feed.
KNOWN_WARNINGS = ("Unsupported content type application/x-ndjson", "Unsupported content_type application/atom+xml")


@pytest.fixture(scope="module")
def made(of_a_site: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of both clients, on Python's path."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "config.yml").write_text("post_hooks: []\n")
    for name in ("serving", "collector"):
        url = getattr(of_a_site, f"{name}_url")
        (folder / f"{name}.json").write_bytes(httpx.get(f"{url}/openapi.json").content)
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", f"{name}.json",
                "--config", "config.yml", "--output-path", f"made_{name}", "--meta", "none",
            ],
            cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-3_000:]
        assert said.count("WARNING") == sum(said.count(known) for known in KNOWN_WARNINGS) > 0, said[-3_000:]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture
def serving(of_a_site: RunningStack, made: Path) -> Iterator[Any]:
    with client_of(of_a_site.serving_url, "serving") as client:
        yield client


@pytest.fixture
def collector(of_a_site: RunningStack, made: Path) -> Iterator[Any]:
    with client_of(of_a_site.collector_url, "collector") as client:
        yield client


def client_of(url: str, name: str) -> Any:
    module = import_module(f"made_{name}")
    return module.AuthenticatedClient(base_url=url, token=KEY, prefix="", auth_header_name="X-API-Key", timeout=30)


def model(process: str, name: str, **fields: Any) -> Any:
    return getattr(import_module(f"made_{process}.models"), name).from_dict(fields)


def call(process: str, path: str, **given: Any) -> Any:
    return import_module(f"made_{process}.api.{path}").sync_detailed(**given)


def test_lists_and_feedback(serving: Any) -> None:
    client = serving
    asked: dict[str, Any] = {"client": client, "site": "gz", "scene": "home", "n": 5, "anonymous_id": VISITOR}
    answer = call("serving", "lists.get_list", **asked)
    shown = [item.item_id for item in answer.parsed.items]
    assert answer.status_code == 200
    assert len(shown) == 5
    assert set(shown) <= {str(item["item_id"]) for item in ITEMS}
    assert answer.parsed.items[0].reasons[0].text
    body = model(
        "serving", "FeedbackBody", kind="dislike", item_id=shown[0], site="gz", anonymous_id=VISITOR,
        consent="personalise",
    )  # fmt: skip
    taken = call("serving", "feedback.post_feedback", client=client, body=body).parsed
    assert (taken.acts, taken.recorded) == (True, True)
    assert shown[0] not in [item.item_id for item in call("serving", "lists.get_list", **asked).parsed.items]
    page = model("serving", "PageBody", site="gz", blocks=[{"scene": "home", "n": 3}, {"scene": "latest", "n": 3}])
    blocks = call("serving", "lists.post_page", client=client, body=page, debug=True).parsed.blocks
    assert len({item.item_id for block in blocks for item in block.items}) == 6
    assert "nobody is named" in blocks[0].debug.general_because
    wrong = call("serving", "lists.get_list", client=client, site="bj")
    assert (wrong.status_code, wrong.parsed.status) == (422, 422)
    assert "site" in wrong.parsed.detail


def test_an_item_is_put_read_changed_and_withdrawn(serving: Any) -> None:
    client = serving
    where: dict[str, Any] = {"client": client, "item_id": "client/一"}
    fields = model(
        "serving", "ItemFields", item_type="guide", title="居住证办理指南", published_at="2026-02-01T00:00:00Z"
    )
    put = call("serving", "catalogue.put_item", body=fields, if_none_match="*", **where)
    assert (put.status_code, put.parsed.change) == (201, "added")
    assert call("serving", "catalogue.put_item", body=fields, if_none_match="*", **where).status_code == 412
    got = call("serving", "catalogue.get_item", **where).parsed
    assert (got.item.title, got.etag) == ("居住证办理指南", put.headers["etag"])
    change = model("serving", "ItemChanges", title="居住证办理指南（2026）")
    changed = call("serving", "catalogue.patch_item", body=change, if_match=got.etag, **where).parsed
    assert (changed.change, changed.item.published_at) == ("changed", datetime(2026, 2, 1, tzinfo=UTC))
    assert call("serving", "catalogue.withdraw_item", if_match=changed.etag, **where).parsed.item.status == "withdrawn"
    rows = [model("serving", "Item", item_id=f"c-{n}", item_type="faq", title=f"问题{n}") for n in range(3)]
    assert call("serving", "catalogue.post_items", client=client, body=rows).parsed.added == 3
    page = call("serving", "catalogue.get_items", client=client, n=4).parsed
    assert (len(page.items), page.has_more) == (4, True)
    rest = call("serving", "catalogue.get_items", client=client, cursor=page.cursor, n=1_000).parsed
    assert [one.item.item_id for one in rest.items][-3:] == ["c-0", "c-1", "c-2"]
    assert not rest.has_more


def test_events(collector: Any) -> None:
    client = collector
    now = datetime.now(UTC).isoformat()  # noqa: TID251  # as a client would write it
    events = [
        {"event_id": str(uuid4()), "kind": kind, "occurred_at": now, "site": "gz", "anonymous_id": VISITOR,
         "item_id": ITEMS[0]["item_id"], "title": "电话 13800138000"}
        for kind in ("impression", "click")
    ]  # fmt: skip
    batch = model("collector", "SentBatch", events=events, sent_at=now)
    answer = call("collector", "events.post_events", client=client, body=batch, debug=True)
    assert (answer.status_code, answer.parsed.accepted, answer.parsed.rejected) == (200, 2, [])
    assert [one.altered for one in answer.parsed.debug.events] == [["private_text"], ["private_text"]]
    assert call("collector", "events.post_events", client=client, body=batch).parsed.duplicates == 2
    stranger = model("collector", "SentBatch", events=[events[0] | {"event_id": str(uuid4()), "site": "bj"}])
    [refused] = call("collector", "events.post_events", client=client, body=stranger).parsed.rejected
    assert refused.reason == "unknown_site"
    assert call("collector", "books.accounting", client=client).parsed.accepted >= 2

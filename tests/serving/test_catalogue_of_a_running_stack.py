"""The catalogue over HTTP of real processes: how soon a change acts in each, and what ten thousand items take."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from civicrec.clock import rfc3339, utc_now
from civicrec.json_files import objects_in
from civicrec.publishing.imports import import_items
from civicrec.registry.tables import registry_at
from tests.running import RunningStack, running_stack

pytestmark = pytest.mark.stack
KEY = {"x-api-key": "gz-catalogue-key-of-2026"}
SITES = {"gz": {"key": "g" * 32, "api_key": KEY["x-api-key"], "scopes": ["catalogue"]}}
N_ITEMS = 10_000
#: Each of some 800 bytes, as the items of a portal are without their texts.
ROWS = b"\n".join(
    json.dumps(
        {
            "item_id": f"n{n}", "item_type": ("policy", "service", "news")[n % 3],
            "title": f"关于第{n}号事项的通知", "issuer": "云澜市人民政府办公室",
            "summary": "为贯彻落实有关要求，现就申报条件、办理材料和时限作如下说明。" * 6,
            "theme": ["就业创业"], "url": f"https://www.example.gov.cn/a/{n}.html",
            "published_at": "2026-01-31T08:00:00Z",
        },
        ensure_ascii=False,
    ).encode()
    for n in range(N_ITEMS)
)  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = tmp_path_factory.mktemp("catalogue")
    with running_stack(home, only=("valkey", "serve"), env={"CIVICREC_SITES": json.dumps(SITES)}) as running:
        yield running


def latest(own: RunningStack) -> set[str]:
    """Ask on a new connection, which any of the workers may take."""
    answer = httpx.get(f"{own.serving_url}/v1/recommendations?scene=latest&n=5").raise_for_status()
    return {item["item_id"] for item in answer.json()["items"]}


def seconds_until(own: RunningStack, is_shown: bool) -> float:
    """Return how long until twenty connections in a row say so."""
    began = last = time.monotonic()
    in_a_row = 0
    while in_a_row < 20:
        in_a_row = in_a_row + 1 if ("new" in latest(own)) is is_shown else 0
        if not in_a_row:
            last = time.monotonic()
        assert last - began < 30, "the change does not come"
    return last - began


def test_a_change_acts_in_every_process_within_a_second(own: RunningStack) -> None:
    item = {"item_type": "news", "title": "新消息", "published_at": utc_now().isoformat()}
    for _ in range(3):
        httpx.put(f"{own.serving_url}/v1/items/new", json=item, headers=KEY).raise_for_status()
        httpx.patch(f"{own.serving_url}/v1/items/new", json={"status": "online"}, headers=KEY).raise_for_status()
        assert seconds_until(own, is_shown=True) <= 1
        httpx.delete(f"{own.serving_url}/v1/items/new", headers=KEY).raise_for_status()
        assert seconds_until(own, is_shown=False) <= 1


PAGE = (Path(__file__).parents[2] / "docs" / "add-to-your-portal.md").read_text()
SENDER = Path(__file__).parents[2] / "docs" / "senders" / "python_push.py"


def of_the_page(kind: str, holds: str) -> str:
    """Return the one block of the guide that holds these words."""
    [block] = [one for one in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if holds in one]
    return block


def pushed(own: RunningStack, folder: Path, *rows: dict[str, str], by: str) -> dict[str, Any]:
    """Push as the guide says: by its lines for a shell, or by the program to copy."""
    body = json.dumps({"data": rows}, ensure_ascii=False)
    (folder / "push.json").write_text(body)
    given = {"PATH": os.environ["PATH"], "API_KEY": KEY["x-api-key"], "LISTS_URL": own.serving_url}  # noqa: TID251
    command = (
        ["sh", "-c", of_the_page("sh", "openssl")]
        if by == "curl"
        else [sys.executable, "-I", str(SENDER), own.serving_url, "gz"]
    )
    done = subprocess.run(
        command, input=body, env=given, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    told: dict[str, Any] = json.loads(done.stdout or f'{{"failed": {json.dumps(done.stderr)}}}')
    assert (done.returncode == 0) is (told.get("bad") == []), told
    return told


@pytest.mark.parametrize("by", ["python", "curl"])
def test_what_a_cms_pushes_as_the_guide_says_acts_in_every_process_within_a_second(
    own: RunningStack, tmp_path: Path, by: str
) -> None:
    if by == "curl" and not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("needs curl and openssl")
    (own.settings.home / "cms").mkdir(exist_ok=True)
    fields = of_the_page("toml", "docPubUrl").replace('"gz-"', '""')
    (own.settings.home / "cms" / "gz.toml").write_text(fields)
    row = {"docId": "new", "docTitle": f"{by} 推送的消息", "chnlName": "要闻", "docPubTime": rfc3339(utc_now())}
    came = pushed(own, tmp_path, row | {"opType": "republish"}, by=by)
    assert came["bad"] == []
    assert came["added"] + came["restored"] == 1
    assert seconds_until(own, is_shown=True) <= 1
    assert pushed(own, tmp_path, row | {"opType": "modify"}, by=by)["unchanged"] == 1
    assert pushed(own, tmp_path, {"docId": "new", "opType": "revoke"}, by=by)["withdrawn"] == 1
    assert seconds_until(own, is_shown=False) <= 1


def test_the_program_tells_what_is_refused(own: RunningStack, tmp_path: Path) -> None:
    (own.settings.home / "cms").mkdir(exist_ok=True)
    (own.settings.home / "cms" / "gz.toml").write_text(of_the_page("toml", "docPubUrl"))
    command = [sys.executable, "-I", str(SENDER), own.serving_url, "gz"]
    wrong = {"API_KEY": "another-key-of-2026-x"}
    done = subprocess.run(command, input="{}", env=wrong, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("401: ")
    right = {"API_KEY": KEY["x-api-key"]}
    row = '{"data": {"opType": "burn"}}'
    done = subprocess.run(command, input=row, env=right, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [one["line"] for one in json.loads(done.stdout)["bad"]]) == (1, [1])


def test_ten_thousand_items_cost_little_more_than_from_a_file(
    own: RunningStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as registry:
        began = time.monotonic()
        import_items(registry, objects_in(BytesIO(ROWS)), "civicrec", who="operator", why="", now=utc_now())
        from_a_file_s = time.monotonic() - began
    began = time.monotonic()
    answer = httpx.post(f"{own.serving_url}/v1/items", content=ROWS, headers=KEY, timeout=60).raise_for_status()
    over_http_s = time.monotonic() - began
    assert (answer.json()["added"], answer.json()["bad"]) == (N_ITEMS, [])
    with capsys.disabled():
        print(f"{N_ITEMS} items: {over_http_s:.1f} s over HTTP, {from_a_file_s:.1f} s from a file")  # noqa: T201
    assert over_http_s < 4 * from_a_file_s

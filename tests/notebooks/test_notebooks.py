"""The notebooks run from top to bottom on a running stack, and are kept without outputs."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from nbclient import NotebookClient

from civicrec.clock import rfc3339, utc_now
from tests.running import RunningStack, running_stack, wait_for

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def run(path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Execute a notebook against the stack of `env`; return all it printed and drew."""
    for name, value in env.items():
        if name.startswith("CIVICREC_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER.parent)]))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    outputs: list[dict[str, Any]] = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    return "\n".join(
        out.get("text", "") + "".join(str(text) for text in out.get("data", {}).values()) for out in outputs
    )


def send_visits(stack: RunningStack, visitors: int) -> int:
    """Post four kinds of events for each visitor, spread over three days; return how many events."""
    now = utc_now()
    with httpx.Client(base_url=stack.collector_url) as client:
        total = 0
        for number in range(visitors):
            at = now - timedelta(hours=number % 60)
            kinds = ["page_view", "impression", "impression", "click", "read", "service_start"][: 2 + number % 5]
            events = [
                {
                    "event_id": f"0199{number:04x}-0000-7000-8000-{place:012x}",
                    "kind": kind,
                    "occurred_at": rfc3339(at + timedelta(seconds=place)),
                    "anonymous_id": f"notebook-visitor-{number:04d}",
                    "session_id": f"s{number}",
                    "request_id": f"r{number}",
                    "item_id": f"item-{number % 7}" if kind != "page_view" else "",
                }
                for place, kind in enumerate(kinds)
            ]
            answer = client.post("/v1/events", json={"sent_at": rfc3339(now), "events": events})
            assert answer.json()["accepted"] == len(events), answer.text
            total += len(events)
    return total


def test_there_is_a_notebook() -> None:
    assert [path.name for path in NOTEBOOKS][:1] == ["01_behaviour.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_holds_no_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.stack
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_stack_without_data_and_then_with_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_stack(tmp_path / "home", only=["valkey", "warehouse", "collect", "stream"]) as stack:
        empty = run(path, stack.env, monkeypatch)
        assert "holds no events yet" in empty

        total = send_visits(stack, 600)
        wait_for(lambda: stored(stack) == total, 60, f"{total} stored events")
        full = run(path, stack.env, monkeypatch)
    assert "holds no events yet" not in full
    assert full.count("<svg") >= 3
    # 600 visitors were shown something; the step lengths of `send_visits` give the rest.
    assert "600 人" in full
    assert f"{sum(1 for n in range(600) if n % 5 >= 2)} 人" in full
    assert "'kind': 'page_view', 'events': 600, 'actors': 600" in full


def stored(stack: RunningStack) -> int:
    books = httpx.get(f"{stack.collector_url}/v1/accounting").json()
    return int(books["stored"])

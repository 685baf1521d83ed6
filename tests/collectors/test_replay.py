"""``civicrec events validate`` and ``replay``, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from tests.builders import raw_event
from tests.collectors.test_process import a_collector
from tests.running import environment, settings_on_free_ports


def civicrec(home: Path, *words: str, stdin: bytes = b"", **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", *words],
        env=environment(settings_on_free_ports(home)) | env, input=stdin, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Line 3 is blank, line 4 is no JSON, line 6 is of last year, line 7 repeats line 1."""
    old = raw_event(n=4)
    lines = [raw_event(n=n, at=utc_now()) for n in (1, 2)]
    texts = [*map(json.dumps, lines), "", "{broken", json.dumps(raw_event(n=3, at=utc_now(), props={"x": 1}))]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([*texts, json.dumps(old), json.dumps(lines[0])]) + "\n")
    return path


def test_validate_says_line_by_line_what_would_happen(tmp_path: Path, file: Path) -> None:
    code, out, err = civicrec(tmp_path, "events", "validate", str(file), "--json")
    assert [(found["line"], found["reason"]) for found in map(json.loads, out.splitlines())] == [
        (1, ""), (2, ""), (4, "bad_json"), (5, ""), (6, "bad_time"), (7, "duplicate"),
    ]  # fmt: skip
    assert json.loads(out.splitlines()[3])["altered"] == ["props"]
    assert (code, "3 would be accepted, 3 would not" in err) == (1, True)


def test_validate_of_good_lines_from_standard_input_leaves_with_zero(tmp_path: Path) -> None:
    line = json.dumps(raw_event(at=utc_now())).encode()
    assert civicrec(tmp_path, "events", "validate", "-", stdin=line)[0] == 0
    assert civicrec(tmp_path, "events", "validate", "nowhere.jsonl")[0] == 2


def test_replay_twice_stores_once_and_can_go_on_from_a_line(tmp_path: Path, file: Path) -> None:
    with a_collector(tmp_path / "home") as process:
        sums = []
        for words in ([], [], ["--from-line", "5"]):
            code, out, err = civicrec(tmp_path, "events", "replay", str(file), "--url", process.url, "--json", *words)
            assert (code, "line 6: bad_time" in err) == (1, True)
            sums.append(json.loads(out))
        assert sums[0] == {"lines": 6, "accepted": 3, "duplicates": 1, "rejected": {"bad_json": 1, "bad_time": 1}}
        assert [(found["accepted"], found["duplicates"]) for found in sums] == [(3, 1), (0, 4), (0, 2)]
        assert len(process.kept()) == 3

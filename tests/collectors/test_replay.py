"""``civicrec events validate`` and ``replay``, as a user types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from collectors.replay.lines import open_lines
from collectors.replay.resume import Bookmark
from tests.builders import raw_event, uuid7
from tests.running import environment, running_collector, settings_on_free_ports, wait_for


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


def test_validate_tells_what_would_be_masked_altered_and_flagged(tmp_path: Path) -> None:
    began, at = utc_now() - timedelta(days=2), utc_now()
    events = [
        raw_event("search", n=0, at=at, query="张三 13800138000 社保", url_path="/a?token=1", subject_id="0" * 32),
        raw_event(n=1, at=at, session_id=str(uuid7(began)), region="440100"),
        *(raw_event("page_view", n=10 + n, at=at, anonymous_id="hasty") for n in range(30)),
    ]
    stdin = "\n".join(map(json.dumps, events)).encode()
    code, out, _ = civicrec(tmp_path, "events", "validate", "-", "--json", stdin=stdin)
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert found[0]["altered"] == ["private_text"]
    assert found[0]["stored"] == {"query": "张三 [tel] 社保", "url_path": "/a", "subject_id": ""}
    assert found[1]["stored"] == {"session_id": f"{uuid7(began)}.2", "region": ""}
    assert [line["bot_reason"] for line in found[2:]] == [""] * 23 + ["behaviour:speed"] * 7
    words = ("--user-agent", "Baiduspider/2.0")
    text = civicrec(tmp_path, "events", "validate", "-", *words, stdin=stdin)[1].splitlines()
    assert "a robot's (user_agent:baiduspider)" in text[1]
    words = ("--origin", "https://evil.example")
    assert "foreign_origin" in civicrec(tmp_path, "events", "validate", "-", *words, stdin=stdin)[1]


def test_validate_of_good_lines_from_standard_input_leaves_with_zero(tmp_path: Path) -> None:
    line = json.dumps(raw_event(at=utc_now())).encode()
    assert civicrec(tmp_path, "events", "validate", "-", stdin=line)[0] == 0
    assert civicrec(tmp_path, "events", "validate", "nowhere.jsonl")[0] == 2


def test_replay_twice_stores_once_and_can_go_on_from_a_line(tmp_path: Path, file: Path) -> None:
    with running_collector(tmp_path / "home") as process:
        sums = []
        for words in ([], [], ["--from-line", "5"]):
            code, out, err = civicrec(tmp_path, "events", "replay", str(file), "--url", process.url, "--json", *words)
            assert (code, "line 6: bad_time" in err) == (1, True)
            sums.append(json.loads(out))
        assert sums[0] == {"lines": 6, "accepted": 3, "duplicates": 1, "rejected": {"bad_json": 1, "bad_time": 1}}
        assert [(found["accepted"], found["duplicates"]) for found in sums] == [(3, 1), (0, 4), (0, 2)]
        assert len(process.kept()) == 3


@contextmanager
def half_way(home: Path, file: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A replay of 2 000 lines at 500 a second, once it has got somewhere."""
    child = subprocess.Popen(
        [sys.executable, "-m", "civicrec", "events", "replay", str(file), "--url", url, "--rate", "500"],
        env=environment(settings_on_free_ports(home)), stderr=subprocess.PIPE,
        # A shell's background job, and all it starts, is deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert child.stderr
    with child.stderr:
        wait_for(file.with_name(f"{file.name}.replay").exists, 60, "the first batch")
        yield child
        child.wait(timeout=30)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_stopped_replay_goes_on_where_it_was_with_the_same_command(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    file, bookmark = tmp_path / "many.jsonl", tmp_path / "many.jsonl.replay"
    file.write_text("".join(json.dumps(raw_event(n=n, at=utc_now())) + "\n" for n in range(2_000)))
    with running_collector(tmp_path / "home") as process:
        with half_way(tmp_path, file, process.url) as child:
            child.send_signal(number)
            assert child.wait(timeout=30) == code
            assert child.stderr
            assert (b"the same command goes on" in child.stderr.read()) == (number is signal.SIGINT)
        done = json.loads(bookmark.read_bytes())
        assert 0 < done["line"] == done["accepted"] < 2_000
        _, out, err = civicrec(tmp_path, "events", "replay", str(file), "--url", process.url, "--json")
        assert f"going on after line {done['line']}" in err
        sums = json.loads(out)
        # The batch under way when it was stopped may have been taken before its answer was noted.
        assert (sums["lines"], sums["accepted"] + sums["duplicates"], sums["rejected"]) == (2_000, 2_000, {})
        assert sums["duplicates"] <= 200
        kept = process.kept()
        assert (len(kept), len(set(kept)), bookmark.exists()) == (2_000, 2_000, False)


@pytest.mark.parametrize(
    "words",
    [("--url", "::1:8701"), ("--url", "http://::1:8701"), ("--url", "ftp://a"), ("--api-key", "密钥")],
)
def test_replay_to_what_is_no_address_says_so_and_leaves_with_two(
    tmp_path: Path, file: Path, words: tuple[str, str]
) -> None:
    code, _, err = civicrec(tmp_path, "events", "replay", str(file), *words)
    assert (code, words[0] in err, "Traceback" in err) == (2, True, False)


def test_bookmark_of_another_file_or_address_counts_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"first\nsecond\n")

    def opened(url: str, from_start: bool = False) -> tuple[int, bytes]:
        with open_lines(str(file)) as lines:
            return Bookmark(file, url).open(lines, from_start=from_start).line, next(iter(lines))

    with open_lines(str(file)) as lines:
        bookmark = Bookmark(file, "http://a")
        progress = bookmark.open(lines)
        progress.line, progress.offset = 1, 6
        bookmark.set(progress)
    assert opened("http://a") == (1, b"second\n")
    assert opened("http://a", from_start=True) == opened("http://b") == (0, b"first\n")
    file.write_bytes(b"first\nsecond\nthird\n")
    assert opened("http://a") == (0, b"first\n")
    file.with_name("some.jsonl.replay").write_bytes(b"{half")
    assert opened("http://a") == (0, b"first\n")

"""Files of events as people have them: read, or refused in words that say what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import MAX_BATCH_BYTES
from collectors.replay import replay as sending
from collectors.replay.lines import open_lines
from collectors.replay.replay import Verdict, replay
from collectors.replay.resume import Bookmark, ReplayProgress
from tests.builders import raw_event

EVENTS = [raw_event(n=n, title="公积金提取") for n in range(3)]
TEXT = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in EVENTS)


def read(path: Path) -> list[bytes]:
    with open_lines(str(path)) as lines:
        return list(lines)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_file_is_read_plain_or_packed_with_or_without_a_mark(
    tmp_path: Path, pack: Callable[[bytes], bytes], mark: str
) -> None:
    path = tmp_path / "events"
    path.write_bytes(pack((mark + TEXT + mark + TEXT).encode()))
    assert [json.loads(line) for line in read(path)] == EVENTS * 2


OTHERWISE = [
    (TEXT.encode("utf-16"), "iconv -f UTF-16"),
    (TEXT.encode("utf-16-le"), "iconv -f UTF-16"),
    (TEXT.encode("gb18030"), "iconv -f GB18030"),
    (json.dumps(EVENTS).encode(), "jq -c '.[]'"),
    (b"\xef\xbb\xbf" + json.dumps(EVENTS, indent=2).encode(), "jq -c '.[]'"),
    (json.dumps(EVENTS, indent=2, ensure_ascii=False).replace("\n", "\r\n").encode("gb18030"), "iconv -f GB18030"),
    ("\n".join(json.dumps(event, indent=2) for event in EVENTS).encode(), "jq -c ."),
    (gzip.compress(json.dumps(EVENTS).encode(), mtime=0), "jq -c '.[]'"),
]


@pytest.mark.parametrize(("content", "words"), OTHERWISE)
def test_file_that_is_not_of_lines_is_read_or_if_large_told_how_to_make_them(
    tmp_path: Path, content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events"
    path.write_bytes(content)
    assert [json.loads(line) for line in read(path)] == EVENTS
    monkeypatch.setattr("collectors.replay.lines._MOST_AT_ONCE", 100)
    with pytest.raises(InvalidInput, match="events") as error:
        read(path)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04....", "unzip"),
        (b"\x28\xb5\x2f\xfd....", "zstd"),
        (gzip.compress(TEXT.encode(), mtime=0)[:6], "damaged"),
        (b"\x1f\x8bnonsense", "damaged"),
    ],
)
def test_file_of_another_kind_is_refused_with_what_to_do(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "events"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="events") as error:
        read(path)
    assert words in str(error.value)


def noted(lines: Iterable[bytes], found: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        found.append(line)
    yield from ()


def test_file_that_is_cut_short_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "events.gz"
    text = b"".join(b"%d" % n + b"\n" for n in range(100_000))
    path.write_bytes(gzip.compress(text)[:-9])
    found: list[bytes] = []
    with open_lines(str(path)) as lines, pytest.raises(InvalidInput, match="damaged behind byte"):
        found.extend(noted(lines, found))
    assert found[:2] == [b"0\n", b"1\n"]
    assert len(found) > 10_000


@pytest.mark.parametrize(
    "size", [40_000, MAX_BATCH_BYTES - 10, MAX_BATCH_BYTES, MAX_BATCH_BYTES + 1, 3 * MAX_BATCH_BYTES]
)
def test_line_without_end_is_one_line_and_never_held_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"first\n" + b"x" * size + b"\nlast\n")
    with open_lines(str(path)) as lines:
        found = [(line, lines.offset) for line in lines]
    assert [line for line, _ in found[::2]] == [b"first\n", b"last\n"]
    assert [offset for _, offset in found] == [6, 6 + size + 1, 6 + size + 6]
    assert len(found[1][0]) <= MAX_BATCH_BYTES + 1


class Answering:
    """A collector that takes bodies up to a size, or whatever stands before it."""

    def __init__(self, limit: int = MAX_BATCH_BYTES, **answer: object) -> None:
        self.limit, self.answer, self.taken = limit, answer, list[bytes]()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url="http://collector", transport=httpx.MockTransport(self._post))

    def _post(self, request: httpx.Request) -> httpx.Response:
        if self.answer:
            return httpx.Response(**self.answer)  # type: ignore[arg-type]
        lines = request.content.split(b"\n")
        if len(request.content) > self.limit:
            return httpx.Response(413, text="<html>too large</html>")
        self.taken += lines
        return httpx.Response(200, json={"accepted": len(lines), "duplicates": 0, "rejected": []})


@pytest.mark.parametrize("limit", [MAX_BATCH_BYTES, 2_000])
@pytest.mark.parametrize("size", [1_900, MAX_BATCH_BYTES, 3 * MAX_BATCH_BYTES])
def test_one_line_too_long_never_stops_the_file(tmp_path: Path, limit: int, size: int) -> None:
    path, endpoint, progress = tmp_path / "events", Answering(limit), ReplayProgress()
    path.write_bytes(b"\n".join([b"%d" % n for n in range(300)] + [b"x" * size] + [b"%d" % n for n in range(300, 600)]))
    refused: list[Verdict] = []
    with open_lines(str(path)) as lines, endpoint.client() as client:
        replay(lines, client, progress, refused=refused.append)
    n_bad = int(size > limit)
    assert [int(line) for line in endpoint.taken if line.isdigit()] == list(range(600))
    assert (progress.lines, progress.accepted, progress.line) == (601, 601 - n_bad, 601)
    assert [(verdict.line, verdict.reason) for verdict in refused] == [(301, "too_large")] * n_bad


@pytest.mark.parametrize("answer", [
    {"status_code": 200, "text": "<html>sign in</html>"}, {"status_code": 400, "text": "blocked"},
    {"status_code": 403, "text": "blocked"}, {"status_code": 302, "headers": {"location": "/login"}},
    {"status_code": 200, "json": [1]}, {"status_code": 202, "json": {}},
])  # fmt: skip
def test_answer_of_something_else_is_no_answer(
    tmp_path: Path, answer: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_TRIES", 2)
    path, progress = tmp_path / "events", ReplayProgress()
    path.write_text(TEXT)
    with (
        open_lines(str(path)) as lines,
        Answering(**answer).client() as client,  # type: ignore[arg-type]
        pytest.raises(Unavailable, match="--from-line 1"),
    ):
        replay(lines, client, progress)
    assert (progress.line, progress.lines) == (0, 0)


def test_packed_file_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    with open_lines(str(path)) as lines:
        bookmark = Bookmark(path, "http://a")
        progress = bookmark.open(lines)
        next(iter(lines))
        progress.line, progress.offset = 1, lines.offset
        bookmark.set(progress)
    with open_lines(str(path)) as lines:
        assert Bookmark(path, "http://a").open(lines).line == 1
        assert [json.loads(line) for line in lines] == EVENTS[1:]

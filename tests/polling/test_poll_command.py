"""`civicrec catalog poll` as an operator runs it, and what `status` and `doctor` then say of its feeds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from civicrec.home import POLL_LOCK
from civicrec.polling.feed_file import read_feed
from civicrec.polling.memory import keep_memory, memory_of
from civicrec.polling.watch import feed_states
from civicrec.process.locks import owned
from civicrec.settings import Settings
from operations.stack.doctor import examine
from operations.stack.problems import problems_of
from tests.polling.servers import Portal, Said
from tests.polling.test_polling_a_feed import ONE, TWO, rss


def poll(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("civicrec")), "catalog", "poll", "--home", str(home), *arguments]
    env = {"PATH": os.environ["PATH"]}  # noqa: TID251
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)


def feed(home: Path, text: str, name: str = "zc") -> Path:
    path = home / "feeds" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_poll_prints_what_it_found_and_names_what_it_refused(tmp_path: Path, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE, TWO, {"title": ""}), headers={"ETag": '"1"'})
    feed(tmp_path, f'url = "{portal.url}/rss.xml"')
    done = poll(tmp_path)
    assert (done.returncode, done.stdout) == (
        0, "zc: 3 rows, 2 added, 0 changed, 0 unchanged, 1 bad, 0 gone, 0 waiting, 0 elsewhere\n"
    )  # fmt: skip
    assert done.stderr.splitlines() == ["zc line 4: title is missing or empty; an entry needs the words a list shows"]
    assert poll(tmp_path).stdout == ""  # not due
    assert poll(tmp_path, "zc").stdout == "zc: nothing new\n"
    again = poll(tmp_path, "zc", "--afresh", "--json")
    assert json.loads(again.stdout)["unchanged"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing required field `url`"),
        ('url = "http://www.example.gov.cn/rss.xml"', "expected an address of https"),
        ('url = "https://u:secret-word@www.example.gov.cn/rss.xml"', "without user or password"),
        ('url = "https://www.example.gov.cn/rss.xml"\ninterval_min = 0', "`int` >= 1"),
        ('url = "https://www.example.gov.cn/rss.xml"\nitem_type = "图片"', "Invalid enum value '图片'"),
        ('url = "https://www.example.gov.cn/rss.xml"\n政策 = 1', "in quotes"),
        ('url = "https://www.example.gov.cn/rss.xml"\nurls = 1', "unknown field `urls`"),
        ("url = [", "expected TOML"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_two_and_stops_no_other(
    tmp_path: Path, portal: Portal, text: str, says: str
) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE))
    feed(tmp_path, f'url = "{portal.url}/rss.xml"', "good")
    path = feed(tmp_path, text, "bad")
    done = poll(tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"{path}: ")
    assert says in line
    assert "secret-word" not in line
    assert done.stdout.startswith("good: 1 rows, 1 added")


def test_what_cannot_be_polled_is_one_line(tmp_path: Path) -> None:
    nothing = poll(tmp_path)
    assert (nothing.returncode, len(nothing.stderr.splitlines())) == (0, 1)
    unknown = poll(tmp_path, "zc")
    assert (unknown.returncode, "no feed 'zc'" in unknown.stderr, len(unknown.stderr.splitlines())) == (2, True, 1)
    feed(tmp_path, 'url = "http://127.0.0.1:9/rss.xml"')
    away = poll(tmp_path)
    assert (away.returncode, away.stderr.count("\n")) == (1, 1)
    assert away.stderr.startswith("zc: http://127.0.0.1:9/rss.xml: no answer")
    with owned(POLL_LOCK.of(tmp_path), "polls"):
        assert poll(tmp_path, "zc").returncode == 2


def sentences(home: Path, later: timedelta = timedelta()) -> list[str]:
    return [one for one in problems_of(Settings(home=home), None, utc_now() + later) if one.startswith("feed ")]


def test_status_says_when_a_poll_failed_or_nobody_starts_one(tmp_path: Path, portal: Portal) -> None:
    path = feed(tmp_path, f'url = "{portal.url}/rss.xml"\ninterval_min = 60')
    assert sentences(tmp_path) == []
    assert sentences(tmp_path, timedelta(hours=3, minutes=14)) == []
    [never] = sentences(tmp_path, timedelta(hours=3, minutes=16))
    assert "feed zc is overdue: has never been polled, its interval is 60 min" in never
    poll(tmp_path)
    [failed] = sentences(tmp_path)
    assert "answered 404" in failed
    assert "the last good one: never" in failed
    portal.says["/rss.xml"] = Said(rss(ONE))
    poll(tmp_path, "zc")
    assert sentences(tmp_path) == []
    [late] = sentences(tmp_path, timedelta(hours=4))
    assert "feed zc is overdue: was polled last at " in late
    portal.says["/rss.xml"] = Said(rss({"title": ""}))
    poll(tmp_path, "zc")
    [refused] = sentences(tmp_path)
    assert "every entry was refused" in refused
    assert "title is missing" in refused
    path.write_text("url = 5")
    assert len(sentences(tmp_path)) == 1
    path.unlink()
    assert sentences(tmp_path) == []


def test_a_poll_that_was_cut_off_is_told(tmp_path: Path) -> None:
    feed(tmp_path, 'url = "https://www.example.gov.cn/rss.xml"\ninterval_min = 1440')
    memory = memory_of(tmp_path, "zc")
    memory.began_at, memory.ended_at = (utc_now() - timedelta(hours=2)).isoformat(), ""
    keep_memory(tmp_path, "zc", memory)
    [state] = feed_states(tmp_path, utc_now())
    assert (state.wrong, "cut off" in state.text) == ("failed", True)


def test_doctor_tells_how_every_feed_stands(tmp_path: Path, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE, {"title": ""}))
    feed(tmp_path, f'url = "{portal.url}/rss.xml"')
    feed(tmp_path, f'url = "{portal.url}/none.xml"', "other")
    poll(tmp_path)
    found = {one.name: one for one in examine(Settings(home=tmp_path)) if one.name.startswith("feed ")}
    assert (found["feed zc"].state, found["feed other"].state) == ("ok", "absent")
    assert "2 rows, 1 added, 1 bad; refused first: line 3: title is missing" in found["feed zc"].detail
    assert "answered 404" in found["feed other"].detail


def test_the_file_that_the_guide_shows_is_a_feed(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "add-to-your-portal.md").read_text()
    [text] = [one for one in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if "interval_min" in one]
    shown = read_feed(feed(tmp_path, text))
    assert (shown.interval_min, shown.types["政策解读"], shown.under) == (30, "interpretation", ("/zwgk/", "/zcjd/"))

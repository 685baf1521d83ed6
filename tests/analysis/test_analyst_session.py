"""A session of an analyst on a real warehouse: questions, reports, mistakes, interruptions."""

from __future__ import annotations

import os
import signal
import threading
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from civicrec.analysis.reports import REPORTS, UnknownReport
from civicrec.analysis.session import Session
from civicrec.crowds import K_ANONYMITY
from civicrec.errors import CivicrecError, ConfigError, Forbidden, InvalidInput, NotFound, Unavailable
from civicrec.warehouse.analyst_tables import TABLES
from tests.reports.oracle import DAYS, events, people, recount_traffic
from tests.running import RunningStack

pytestmark = pytest.mark.stack
ROWS = events(11)
DAY = {"first": DAYS.first, "last": DAYS.last}
BY_HOUR = """
SELECT toStartOfHour(occurred_at, 'Asia/Shanghai') AS hour, count() AS events, uniqExact(actor) AS people
FROM events WHERE bot_reason = '' AND local_date BETWEEN {first:Date} AND {last:Date} GROUP BY hour ORDER BY hour
"""


def test_a_question_comes_back_as_a_pandas_frame(session: Session) -> None:
    frame = session.sql("SELECT kind, count() AS events FROM events WHERE bot_reason = '' GROUP BY kind ORDER BY kind")
    truth: dict[str, int] = {}
    for row in (row for row in ROWS if not row.bot_reason):
        truth[row.kind] = truth.get(row.kind, 0) + 1
    assert isinstance(frame, pd.DataFrame)
    assert dict(zip(frame["kind"], frame["events"], strict=True)) == truth
    assert frame.groupby("kind")["events"].sum().to_dict() == truth


def test_it_is_taken_elsewhere_as_arrow(session: Session) -> None:
    frame = session.sql("SELECT 1 AS one, 'a' AS text")
    assert frame.to("arrow").to_pylist() == [{"one": 1, "text": "a"}]
    assert type(frame.to("pandas")) is pd.DataFrame
    with pytest.raises(InvalidInput, match="expected pandas, polars or arrow"):
        frame.to("excel")  # type: ignore[arg-type]


def test_polars_is_an_offer(session: Session) -> None:
    frame = session.sql("SELECT 1 AS one, 'a' AS text")
    try:
        import polars
    except ImportError:
        with pytest.raises(ConfigError, match="polars is not installed"):
            frame.to("polars")
    else:
        assert isinstance(frame.to("polars"), polars.DataFrame)


def test_few_people_are_hidden_and_counted(session: Session) -> None:
    frame = session.sql(BY_HOUR, **DAY)
    truth = recount_traffic(ROWS, "hour")
    few = sum(1 for _, actors, _ in truth.values() if actors < K_ANONYMITY)
    assert len(frame) == len(truth)
    assert frame.about.hidden == few > 0
    assert int(frame["people"].isna().sum()) == int(frame["events"].isna().sum()) == few
    assert int(frame["people"].min()) >= K_ANONYMITY
    assert f"已隐藏人数少于 10 的 {few} 行" in frame.cite()


def test_a_frame_knows_what_stands_behind_it(session: Session) -> None:
    frame = session.sql(BY_HOUR, **DAY)
    assert frame.about.window == DAYS
    assert str(DAYS) in frame.cite()
    assert "数据新鲜度：最新数据到达于" in frame.cite()
    assert "GROUP BY hour" in frame.cite()
    assert frame[frame["events"] > 1].about == frame.about  # what pandas makes of it knows it, too
    assert "数据新鲜度" in frame._repr_html_()
    plain = session.sql("SELECT item_id, active_ms, count() AS n FROM events GROUP BY item_id, active_ms LIMIT 3")
    assert plain.explain().to_dict("list") == {
        "列": ["item_id", "active_ms", "n"],
        "含义": ["条目编号，与 catalogue 相连；空为不针对条目", "有操作的阅读时间，毫秒", "由查询算出"],
    }


def test_the_window_has_a_default(session: Session) -> None:
    frame = session.sql("SELECT {first:Date} AS a, {last:Date} AS b")
    assert (frame["b"][0] - frame["a"][0]).days == 29
    named = session.sql("SELECT {first:Date} AS a, {last:Date} AS b", first="2026-03-02", last=date(2026, 3, 8))
    assert [str(named[one][0])[:10] for one in "ab"] == ["2026-03-02", "2026-03-08"]
    with pytest.raises(InvalidInput, match="before it begins"):
        session.sql("SELECT {first:Date}, {last:Date}", first="2026-03-08", last="2026-03-02")
    with pytest.raises(InvalidInput, match="expected a day such as"):
        session.reports.traffic(first="March")


def test_ten_years_are_asked_for_and_said_to_be_missing(session: Session) -> None:
    frame = session.reports.traffic(days=3650, last=DAYS.last)
    assert len(frame) == 8  # the day before the window of the recounts, too
    assert "2016-03-11 至 2026-02-28 没有数据" in frame.cite()


def test_reports_are_those_of_the_console_for_the_public(session: Session) -> None:
    frame = session.reports.traffic(first=DAYS.first, last=DAYS.last)
    truth = recount_traffic(ROWS, "day")
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (day, *figures) for day, figures in sorted(truth.items())
    ]
    hours = session.reports.traffic(first=DAYS.first, last=DAYS.last, by="hour")
    assert hours.about.hidden == sum(1 for _, actors, _ in recount_traffic(ROWS, "hour").values() if actors < 10)
    assert dir(session.reports) == sorted(REPORTS)
    assert frame.explain()["含义"].tolist() == ["日期或小时，北京时间", "访问量，次", "访客数，人", "会话数，次"]
    assert frame.chart().to_dict()["title"]


def test_items_bring_their_titles_and_hide_the_rare_ones(session: Session) -> None:
    frame = session.reports.items(first=DAYS.first, last=DAYS.last)
    actors: dict[str, set[str]] = {}
    for row in people(ROWS):
        actors.setdefault(row.item_id, set()).add(row.actor)
    few = {item for item, who in actors.items() if len(who) < K_ANONYMITY and item in {f"item-{n}" for n in range(20)}}
    assert set(frame["item_id"][frame["actors"].isna()]) == few
    assert frame["title"][frame["item_id"] == "item-3"].tolist() == ["第 3 号文件"]
    joined = session.sql(
        "SELECT title, uniqExact(actor) AS people FROM events INNER JOIN catalogue USING (item_id) "
        "WHERE has(themes, '社保') GROUP BY title"
    )
    assert set(joined["title"]) <= {f"第 {n} 号文件" for n in range(20)}


@pytest.mark.parametrize(
    ("query", "fault", "said"),
    [
        ("SELECT actr FROM events", NotFound, "no column 'actr', you may mean 'actor'"),
        ("SELECT e.Kind FROM events AS e", NotFound, "no column 'Kind', you may mean 'kind'"),
        ("SELECT * FROM event", NotFound, "no table 'event', you may mean 'events'"),
        ("SELECT {x:UInt8}", InvalidInput, "no x was given"),
        ("SELEC 1", InvalidInput, "SELEC"),
        ("SELECT countt() FROM events", InvalidInput, "countt"),
        ("", InvalidInput, "the query is empty"),
        ("SELECT count() FROM system.numbers", InvalidInput, "more than 200 million rows"),
        ("SELECT number FROM system.numbers LIMIT 2000000", InvalidInput, "more than 1 million rows"),
        ("SELECT arrayJoin(range(300000000)) FROM events", InvalidInput, "more than 1 GB of memory"),
        ("SELECT * FROM civicrec.events", Forbidden, "who read the tables events"),
        ("SELECT * FROM system.processes", Forbidden, "not for analysts"),
        ("DROP TABLE events", Forbidden, "may only read"),
    ],
)
def test_a_mistake_is_said_in_a_sentence_and_the_session_goes_on(
    session: Session, query: str, fault: type[CivicrecError], said: str
) -> None:
    with pytest.raises(fault) as caught:
        session.sql(query)
    assert type(caught.value) is fault
    assert said in str(caught.value)
    assert "DB::Exception" not in str(caught.value)
    assert session.sql("SELECT 1 AS one")["one"].tolist() == [1]


def test_a_report_that_is_not_there_is_said_with_the_one_that_is(session: Session) -> None:
    with pytest.raises(UnknownReport, match=r"no report 'trafic', you may mean 'traffic'"):
        session.reports.trafic()
    assert not hasattr(session.reports, "nothing_like_it")
    with pytest.raises(InvalidInput, match="report traffic does not take all of colour"):
        session.reports.traffic(colour="red")


def test_tables_and_columns_say_what_they_are(session: Session) -> None:
    assert dict(session.tables().itertuples(index=False)) == {one.name: one.comment for one in TABLES}
    described = session.describe("served")
    assert described["column"].tolist() == [one.name for one in next(t for t in TABLES if t.name == "served").columns]
    assert all(described["comment"])
    with pytest.raises(NotFound, match="no table 'servd', you may mean 'served'"):
        session.describe("servd")


def test_an_analyst_writes_nothing(session: Session) -> None:
    for write in (lambda: session.insert("events", {}), lambda: session.command("DROP TABLE events")):
        with pytest.raises(InvalidInput, match="reads, and writes nothing"):
            write()


SLOW = "SELECT count() FROM events AS a, events AS b, events AS c WHERE sipHash64(a.kind, b.actor, c.session_id) = 7"


def test_ctrl_c_ends_the_statement_in_the_warehouse_and_not_the_session(session: Session) -> None:
    shown: list[tuple[int, int, float]] = []

    def show(*how_far: Any) -> None:
        """Interrupt as soon as the statement is seen to run."""
        if not shown:
            threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        shown.append(how_far)

    session._show = show
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            session.sql(SLOW)
    finally:
        signal.signal(signal.SIGINT, before)
    assert shown[0][2] > 0
    # The one that asks is the only one that runs.
    assert len(session.query("SELECT query_id FROM running WHERE memory_bytes > 0 OR elapsed_s > 1")) <= 1
    assert session.sql("SELECT 1 AS one")["one"].tolist() == [1]


def test_the_warehouse_goes_away_midway_and_comes_back(tmp_path: Any) -> None:
    from civicrec.analysis.opening import open_session
    from tests.running import running_stack

    with running_stack(tmp_path / "home", only=["warehouse"]) as first:
        settings = first.settings
        with pytest.MonkeyPatch.context() as patched:
            _named(patched, first)
            session = open_session()
        assert session.sql("SELECT count() AS n FROM events")["n"].tolist() == [0]
        assert session.freshness.newest_at is None
        assert session.reports.traffic().empty
    with pytest.raises(Unavailable, match="`civicrec up`, and ask again: the session goes on"):
        session.sql("SELECT 1")
    with running_stack(tmp_path / "home", only=["warehouse"], settings=settings):
        assert session.sql("SELECT 1 AS one")["one"].tolist() == [1]
    session.close()


def _named(patched: pytest.MonkeyPatch, stack: RunningStack) -> None:
    for name, value in stack.env.items():
        if name.startswith("CIVICREC_"):
            patched.setenv(name, value)
    patched.delenv("CIVICREC_WAREHOUSE__PASSWORD", raising=False)


def test_arrow_comes_without_anything_hidden_for_who_reckons_on(session: Session) -> None:
    table = session.query("SELECT count() AS people FROM events WHERE actor = ''")
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == [{"people": 0}]

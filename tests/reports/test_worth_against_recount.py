"""What personalisation is worth equals a recount in plain Python, on a real warehouse."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from civicrec.accounting.served import ServedList
from civicrec.clock import from_ms
from civicrec.reports.comparison.proportions import Arm, difference, lift
from civicrec.reports.comparison.sequence import running_difference
from civicrec.reports.report import Window
from civicrec.reports.worth import COLUMNS, worth
from civicrec.reports.worth_begin import window_since
from civicrec.reports.worth_counts import OUTCOMES, count_arms
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.served import columns_of
from operations.cli import app
from tests.reports.worth_oracle import CHINA, DAYS, NOW, SHARE, World, recount, store, world

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", params=[1, 2])
def stored(request: pytest.FixtureRequest, warehouse: ClickHouseWarehouse) -> World:
    made = world(request.param)
    for table in ("events", "served"):
        warehouse.command(f"TRUNCATE TABLE {table}")
    store(warehouse, made)
    return made


@pytest.mark.parametrize("hours", [0, 24 * 30])
def test_the_counts_equal_the_recount(warehouse: ClickHouseWarehouse, stored: World, hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    truth, counts = recount(stored, now), count_arms(warehouse, DAYS, now)
    for outcome in OUTCOMES:
        did = truth["did"][outcome]
        assert counts.recommended[outcome] == Arm(did[False], truth["over"][False])
        assert counts.held_out[outcome] == Arm(did[True], truth["over"][True])
    assert counts.entered == (truth["entered"][False], truth["entered"][True])
    assert (counts.mixed, counts.shares) == (truth["mixed"], (SHARE,))
    assert counts.mixed >= 1
    assert counts.waiting == (0 if hours else sum(truth["entered"].values()) - sum(truth["over"].values()))
    assert (counts.waiting > 0) == (hours == 0)
    in_window = [one for one in stored.events if DAYS.first <= one.day <= DAYS.last]
    assert counts.bot_events == sum(bool(one.bot_reason) for one in in_window) > 0


def test_the_report_is_made_of_them(warehouse: ClickHouseWarehouse, stored: World) -> None:
    found, truth = worth(warehouse, DAYS, NOW), recount(stored)
    rows = {row["outcome"]: row for row in found.report.rows()}
    assert list(rows) == list(OUTCOMES)
    for outcome, row in rows.items():
        did, over = truth["did"][outcome], truth["over"]
        arms = Arm(did[False], over[False]), Arm(did[True], over[True])
        once, running, relative = difference(*arms), running_difference(*arms), lift(*arms)
        assert once is not None
        assert running is not None
        assert relative is not None
        assert (row["recommended"], row["held_out_people"]) == (did[False], over[True])
        assert (row["difference"], row["once_low"], row["high"]) == (once.value, once.low, running.high)
        assert row["lift"] == relative.value
    assert found.verdict.sentence.startswith("尚不能判断：两组点击率相差")
    assert found.verdict.days_left == rows["click"]["days_left"] > 0
    assert found.split_p is not None
    assert found.split_p > 0.001
    assert found.report.freshness.newest_at == NOW


def test_a_window_without_divided_visitors_cannot_be_judged(warehouse: ClickHouseWarehouse, stored: World) -> None:
    before = Window(DAYS.first - timedelta(days=60), DAYS.first - timedelta(days=50))
    found = worth(warehouse, before, NOW)
    assert found.verdict.answer == "cannot"
    assert "没有划分对照组" in found.verdict.sentence
    assert {row["recommended"] for row in found.report.rows()} == {None}


def day_of(one: ServedList) -> date:
    return (from_ms(one.served_ms) + CHINA).date()


def test_unless_said_otherwise_it_begins_with_the_share_in_force(warehouse: ClickHouseWarehouse, stored: World) -> None:
    days = sorted(day_of(one) for one in stored.lists if one.holdout_share)
    assert window_since(warehouse, NOW) == Window(days[0], date(2026, 3, 16))
    early = [msgspec.structs.replace(one, holdout_share=0.01) for one in stored.lists if day_of(one) < date(2026, 3, 5)]
    warehouse.insert("served", columns_of(early, 36_000))
    changed = max(map(day_of, early))
    assert window_since(warehouse, NOW).first == changed + timedelta(days=1)
    assert "比例在统计范围内改变过（0.01、0.25）" in worth(warehouse, DAYS, NOW).verdict.sentence
    warehouse.command("TRUNCATE TABLE served")
    assert window_since(warehouse, NOW) == Window(date(2026, 3, 16), date(2026, 3, 16))
    warehouse.insert("served", columns_of(stored.lists, 36_000))


def said(home: Path, *words: str) -> str:
    days = ["--from", DAYS.first.isoformat(), "--until", DAYS.last.isoformat()]
    done = CliRunner().invoke(app, ["report", "worth", *days, "--home", str(home), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_says_the_sentence_first_in_every_form(home: Path, stored: World) -> None:
    figures = json.loads(said(home, "--format", "json"))
    truth = recount(stored, NOW)
    assert next(iter(figures)) == "sentence"
    assert figures["entered"] == {"recommended": truth["entered"][False], "held_out": truth["entered"][True]}
    assert figures["rows"][0]["recommended"] == truth["did"]["click"][False]
    assert figures["window"] == {"first": "2026-03-02", "last": "2026-03-14", "days": 13, "outcome_days": 7}
    table = said(home)
    assert table.splitlines()[0] == figures["sentence"]
    assert f"{truth['did']['click'][False]} / {truth['over'][False]}" in table
    assert "统计范围：2026-03-02 至 2026-03-14" in table
    assert "数据新鲜度" in table
    text = said(home, "--format", "csv").removeprefix("\ufeff")
    sentence, _, heads, *rows = csv.reader(io.StringIO(text))
    assert sentence == [figures["sentence"]]
    assert heads == list(COLUMNS.values())
    assert [row[1] for row in rows[: len(OUTCOMES)]] == list(OUTCOMES.values())


def test_a_window_that_ends_before_it_begins_is_refused(home: Path) -> None:
    words = ["report", "worth", "--from", "2026-03-14", "--until", "2026-03-02", "--home", str(home)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0
    assert "swap the two" in str(done.exception)

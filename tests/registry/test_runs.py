"""Nightly runs, on both databases."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, select

from civicrec.clock import local_date, utc_now
from civicrec.registry.runs import (
    choice,
    choose_run,
    drop_future_runs,
    future_runs,
    latest_run,
    recent_runs,
    refused_in_a_row,
    ruling_runs,
    save_run,
)
from civicrec.registry.tables import audit

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
DAY = date(2026, 3, 1)


def test_the_newest_day_wins_and_within_a_day_the_latest_run(registry: Engine) -> None:
    assert latest_run(registry) is None
    for run, day, hours in (("c", DAY, 0), ("a", DAY - timedelta(days=1), 5), ("b", DAY, 1)):
        save_run(registry, run, day, {"items": hours, "of": "城市"}, NOW + timedelta(hours=hours))
    assert latest_run(registry) == ("b", {"items": 1, "of": "城市"})
    assert recent_runs(registry, 2) == ["b", "c"]
    assert recent_runs(registry, 9) == ["b", "c", "a"]


def test_the_same_run_again_replaces_its_manifest(registry: Engine) -> None:
    for n in (1, 2):
        save_run(registry, "run", DAY, {"items": n}, NOW)
    assert (latest_run(registry), recent_runs(registry, 9)) == (("run", {"items": 2}), ["run"])


def test_a_run_for_a_day_that_has_not_come_never_rules(registry: Engine) -> None:
    for run, days in (("now", 0), ("typo", 30), ("next-year", 365)):
        save_run(registry, run, DAY + timedelta(days=days), {"of": run}, NOW)
    assert latest_run(registry, DAY) == ("now", {"of": "now"})
    assert recent_runs(registry, 9, DAY) == ["now"]
    assert future_runs(registry, DAY) == ["next-year", "typo"]
    assert latest_run(registry, DAY + timedelta(days=30)) == ("typo", {"of": "typo"})
    assert drop_future_runs(registry, DAY) == ["next-year", "typo"]
    assert (future_runs(registry, DAY), drop_future_runs(registry, DAY)) == ([], [])
    assert latest_run(registry, DAY + timedelta(days=400)) == ("now", {"of": "now"})


def test_the_run_in_force_is_looked_up_by_the_clock_of_the_machine(registry: Engine) -> None:
    today = local_date(utc_now())
    for run, days in (("today", 0), ("tomorrow", 1)):
        save_run(registry, run, today + timedelta(days=days), {}, NOW)
    assert latest_run(registry) == ("today", {})


def save(registry: Engine, *names: str, is_refused: bool = False) -> None:
    """Save runs of one day after another; a name ends with the number of its day."""
    for name in names:
        days = timedelta(days=int(name[-1]))
        save_run(registry, name, DAY + days, {}, NOW + days, is_refused=is_refused)


def test_a_refused_run_does_not_rule_and_is_remembered(registry: Engine) -> None:
    save(registry, "good-0", "good-1")
    save(registry, "worse-2", "worse-3", is_refused=True)
    assert recent_runs(registry, 9) == ["worse-3", "worse-2", "good-1", "good-0"]
    assert ruling_runs(registry, 9) == ["good-1", "good-0"]
    assert refused_in_a_row(registry, 9) == 2
    save(registry, "good-4")
    assert (ruling_runs(registry, 1), refused_in_a_row(registry, 9)) == (["good-4"], 0)


def test_a_chosen_run_rules_until_a_newer_one_is_published(registry: Engine) -> None:
    save(registry, "good-0", "good-1", "good-2")
    choose_run(registry, "good-0", who="li", why="lists repeat", now=NOW)
    assert ruling_runs(registry, 9) == ["good-0", "good-2", "good-1"]
    save(registry, "worse-3", is_refused=True)
    save_run(registry, "again-1", DAY + timedelta(days=1), {}, NOW)  # an older day, made anew
    assert ruling_runs(registry, 1) == ["good-0"]
    save(registry, "good-4")
    assert (ruling_runs(registry, 1), choice(registry)) == (["good-4"], None)


def test_a_choice_replaces_the_one_before_and_each_stands_in_the_audit(registry: Engine) -> None:
    save(registry, "good-0", "good-1", "good-2")
    for run, who in (("good-0", "li"), ("good-1", "wang"), (None, "li")):
        choose_run(registry, run, who=who, why=f"for {run}", now=NOW)
        kept = choice(registry)
        assert (kept and (kept.run, kept.who, kept.why, kept.since)) == (run and (run, who, f"for {run}", NOW))
    assert ruling_runs(registry, 1) == ["good-2"]
    with registry.connect() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id)).all()
    assert [(row.who, row.action, row.object_id, row.facts["why"]) for row in rows] == [
        ("li", "model_rolled_back", "good-0", "for good-0"),
        ("wang", "model_rolled_back", "good-1", "for good-1"),
        ("li", "model_rollback_ended", "good-1", "for None"),
    ]

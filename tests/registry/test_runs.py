"""Nightly runs and what people deleted, on both databases."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, insert

from civicrec.registry.runs import latest_run, recent_runs, save_run, suppressions
from civicrec.registry.tables import suppressed_tags

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


def test_deleted_tags_are_pairs_of_actor_and_tag(registry: Engine) -> None:
    pairs = {("a", "theme:住房"), ("b", "theme:住房"), ("a", "theme:教育")}
    with registry.begin() as connection:
        connection.execute(
            insert(suppressed_tags), [{"actor": actor, "tag": tag, "since": NOW} for actor, tag in pairs]
        )
    assert suppressions(registry) == pairs

"""What was sent, told to a real collector: each event once, also when it is told again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.clock import utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.registry.deliveries import overview
from civicrec.registry.notice import notice_of
from civicrec.settings.consent import ConsentSettings
from operations.bench.push_crowd import put_crowd, start_for_all
from recommender.push.people import people_at
from recommender.push.reporting import Reporter
from recommender.push.worker import sender_of
from tests.running import running_collector


def test_the_collector_hears_of_every_message_once(tmp_path: Path) -> None:
    with running_collector(tmp_path) as collector:
        update = {"consent": ConsentSettings(notice_version="2026-1")}
        push = collector.settings.push.model_copy(update={"holdout_share": 0.0})
        settings = collector.settings.model_copy(update=update | {"push": push})
        with people_at(settings) as people:
            subjects = put_crowd(people.registry, people.keys, notice_of(settings), 30, utc_now())
            name = start_for_all(people, ["inbox"], settings.push, utc_now())
        with sender_of(settings) as sender, closing(Reporter(sender.people, settings)) as reporter:
            while sender.step() or not overview(sender.people.registry)["unreported"]:
                pass
            collector.end()
            with pytest.raises(Unavailable, match="the collector does not answer"):
                reporter.step()
            collector.start()
            assert reporter.step() == 30
            assert reporter.step() == 0
            with sender.people.registry.begin() as connection:  # as when it died before it noted that
                connection.exec_driver_sql("UPDATE deliveries SET reported = 0")
            assert reporter.step() == 30
            assert overview(sender.people.registry) == {"waiting": 0, "refused": 0, "unreported": 0}
        with closing(SqliteEventLog(settings.log_path, readonly=True)) as log:
            records = [load(found.record.value)[0] for found in log.read(0, log.head())]
        events = [event for record in records for event in record]
        assert sorted((event.kind, event.subject_id) for event in events) == sorted(
            (kind, subject) for kind in ("push_sent", "push_delivered") for subject in subjects
        )
        assert {(one.campaign_id, one.item_id, one.item_type, one.slot, one.consent) for one in events} == {
            (name, "loan", "policy", "inbox", "personalise")
        }
        books = read_books(settings)
        assert (books.accepted, books.duplicates) == (60, 60)

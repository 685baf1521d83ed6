"""What `civicrec status` says of events that wait, models that are old, nights that failed, and disks nearly full."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from civicrec.accounting.books import read_books
from civicrec.accounting.nights import LONGEST, failed_night, noted_night
from civicrec.clock import utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.registry.audit import Act, audit_rows, record_alone
from civicrec.registry.runs import save_run
from civicrec.registry.tables import open_registry
from civicrec.settings import AlarmSettings, ConsentSettings, Settings, Site
from operations.stack import problems as module
from operations.stack.problems import audit_head_of, problems_of
from operations.stack.state import look
from profiles.online.state import OnlineState

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, min_free_disk_mb=0)


def test_a_home_without_anything_has_no_problems(settings: Settings) -> None:
    assert problems_of(settings, read_books(settings), NOW) == []
    assert list(settings.home.iterdir()) == []


def test_events_that_wait_are_told_with_their_number_and_since_when(settings: Settings) -> None:
    times = iter([NOW - timedelta(seconds=90), NOW - timedelta(seconds=1)])
    log = SqliteEventLog(settings.log_path, clock=lambda: next(times))
    log.append([Record("a", 3, b"x")])
    log.append([Record("a", 2, b"y")])
    log.close()
    (said,) = problems_of(settings, read_books(settings), NOW)
    assert said.startswith("5 events wait for the stream, the oldest since 2026-03-10T03:58:30.000Z (90 s)")
    patient = settings.model_copy(update={"alarms": AlarmSettings(waiting_s=91)})
    assert problems_of(patient, read_books(patient), NOW) == []


@pytest.mark.parametrize(
    ("consent", "says"),
    [
        ({"ledger_sites": ("gz",)}, ["required for gz and there is no notice"]),
        ({"ledger_sites": ("gz",), "notice_version": "1"}, []),
        ({"notice_version": ""}, []),
        (
            {"ledger_sites": ("gz", "sz"), "notice_version": "1", "purposes": ("push",)},
            [
                "the notice for gz, sz does not ask for personalise",
                "LEDGER_SITES names sz; expected configured sites: gz",
            ],
        ),
    ],
)
def test_a_required_ledger_that_nobody_can_enter_is_told(
    settings: Settings, consent: dict[str, Any], says: list[str]
) -> None:
    sites = {"gz": Site(key=SecretStr("k" * 16))}
    asked = settings.model_copy(update={"consent": ConsentSettings(**consent), "sites": sites})
    found = problems_of(asked, None, NOW)
    assert len(found) == len(says)
    assert all(word in sentence for word, sentence in zip(says, found, strict=True))


@pytest.mark.parametrize(("age", "is_old"), [(0, False), (2, False), (3, True), (40, True)])
def test_models_are_old_after_some_days_of_the_portal(age: int, is_old: bool, settings: Settings) -> None:
    day = date(2026, 3, 10) - timedelta(days=age)
    registry = open_registry(settings.registry_address)
    save_run(registry, f"{day}-abc", day, {"day": day.isoformat()}, NOW)
    registry.dispose()
    found = problems_of(settings, None, NOW)
    assert [f"the models are {age} days old (run {day}-abc)" in said for said in found] == [True] * is_old


def test_models_refused_night_after_night_are_told(settings: Settings) -> None:
    registry = open_registry(settings.registry_address)
    for night in range(1, 5):
        day = date(2026, 3, 6) + timedelta(days=night)
        save_run(registry, f"{day}-abc", day, {"day": day.isoformat()}, NOW, is_refused=night > 1)
        said = " ".join(problems_of(settings, None, NOW))
        assert (f"the models of {night - 1} nights in a row were refused" in said) == (night > 3)
    registry.dispose()


def test_a_run_of_a_day_that_has_not_come_is_told_and_does_not_make_old_models_young(settings: Settings) -> None:
    registry = open_registry(settings.registry_address)
    for day in (date(2026, 3, 1), date(2062, 3, 10)):
        save_run(registry, f"{day}-abc", day, {"day": day.isoformat()}, NOW)
    registry.dispose()
    old, ahead = problems_of(settings, None, NOW)
    assert "9 days old (run 2026-03-01-abc)" in old
    assert "run 2062-03-10-abc is of a day that has not come" in ahead


@pytest.mark.parametrize(
    "fault", [Unavailable("the warehouse does not answer"), MemoryError("no memory"), KeyboardInterrupt()]
)
def test_a_night_that_failed_is_told_until_one_ends_well(fault: BaseException, settings: Settings) -> None:
    with pytest.raises(type(fault)), noted_night(settings.home):
        raise fault
    (said,) = problems_of(settings, None, NOW)
    assert said.startswith("the last nightly job, of ")
    assert str(fault) in said
    with noted_night(settings.home):
        assert problems_of(settings, None, NOW) == []  # it runs
    assert problems_of(settings, None, NOW) == []


def test_a_night_that_was_cut_off_is_told_when_it_should_long_have_ended(settings: Settings) -> None:
    began = utc_now()
    with noted_night(settings.home):
        kept = (settings.home / "nightly.json").read_bytes()
    (settings.home / "nightly.json").write_bytes(kept)  # as after kill -9
    assert failed_night(settings.home, began + LONGEST / 2) == ""
    assert "has not come to its end" in failed_night(settings.home, began + LONGEST + timedelta(minutes=5))


def test_a_disk_that_is_nearly_full_is_told_before_events_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"min_free_disk_mb": 512})
    for free, says in ((1_024, ""), (1_023, "below 512 MB events are refused"), (100, "100 MB are free, events are")):
        monkeypatch.setattr(module, "free_disk_mb", lambda _, free=free: free)
        found = problems_of(settings, None, NOW)
        assert len(found) == bool(says)
        assert says in "".join(found)


def test_what_cannot_be_looked_at_is_a_trouble_itself(settings: Settings) -> None:
    (settings.home / "registry.sqlite").write_bytes(b"this is no database" * 100)
    (said,) = problems_of(settings, None, NOW)
    assert said.startswith("the state of the registry cannot be told")


def test_a_cut_audit_log_is_told_and_status_tells_its_head(settings: Settings) -> None:
    assert audit_head_of(settings) == ""
    registry = open_registry(settings.registry_address)
    for n in (1, 2):
        record_alone(registry, Act(NOW, "li", "item_erased", f"a{n}"))
    assert problems_of(settings, None, NOW) == []
    number, digest = audit_head_of(settings).split(":")
    assert (number, digest) == ("2", audit_rows(registry)[0].digest)
    assert look(settings, NOW).as_json()["audit"] == f"2:{digest}"
    with registry.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE id = 2"))
    registry.dispose()
    (said,) = problems_of(settings, None, NOW)
    assert said.startswith("the end of the audit log is not as it was written")


def test_a_full_and_an_incomplete_store_are_told_with_the_limit() -> None:
    assert OnlineState(True, 5, {"actors": 9}, 100, 512).problems() == []
    assert OnlineState(True, 5, {}, 100, 0).problems() == []
    (full,) = OnlineState(True, 5, {"actors": 9, "tags": 1}, 15.8, 16).problems()
    assert "15.8 of 16.0 MB" in full
    assert "10 entries" in full
    assert "CIVICREC_REDIS__MAX_MEMORY_MB" in full
    assert "incomplete" in OnlineState(False, 0, {}, 1, 16).problems()[0]


@pytest.mark.parametrize("address", ["x", "postgresql://a:p@[::1/db", "postgresql://a:p@h:port/db", "mysql://x"])
def test_a_registry_address_that_is_none_is_a_trouble(settings: Settings, address: str) -> None:
    wrong = settings.model_copy(update={"registry_url": SecretStr(address)})
    (said,) = problems_of(wrong, read_books(wrong), NOW)
    assert "the state of the registry cannot be told: CIVICREC_REGISTRY_URL" in said

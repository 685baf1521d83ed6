"""What an operator must know and no API says: events that wait, models that are old, a night that failed, a full disk.

In: settings, books. Out: sentences that say what, since when, and what to do. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from civicrec.accounting.books import Books
from civicrec.accounting.nights import failed_night
from civicrec.clock import local_date
from civicrec.errors import CivicrecError
from civicrec.home import WORKING_DAYS
from civicrec.polling.watch import feed_states
from civicrec.security.peppers import read_peppers
from civicrec.settings import Settings
from civicrec.working_days import working_days
from operations.stack.checks import free_disk_mb
from operations.stack.journal import journal_days
from operations.stack.retention import out_of_bounds

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Nights in a row whose models are refused before somebody should look: one or two are chance.
REFUSED_NIGHTS = 3
_REFUSED_LOOKED_AT = 100


def problems_of(settings: Settings, books: Books | None, now: datetime) -> list[str]:
    """Return every problem, one sentence each."""
    sentences: list[str] = []
    looks: dict[str, Callable[[], Iterator[str]]] = {
        "the disk": lambda: _disk(settings),
        "the stream": lambda: _if_any(books.waiting(now, settings.alarms.waiting_s) if books else ""),
        "the nightly job": lambda: _if_any(failed_night(settings.home, now)),
        "the feeds": lambda: _feeds(settings, now),
        "the consent ledger": lambda: _consent(settings),
        "the pepper": lambda: _pepper(settings),
        "the logs": lambda: iter(out_of_bounds(settings, journal_days())),
        "the registry": lambda: _in_registry(settings, local_date(now)),
    }
    for what, look in looks.items():
        try:
            sentences += look()
        except (CivicrecError, OSError) as error:
            sentences.append(f"the state of {what} cannot be told: {error}")
    return sentences


def _feeds(settings: Settings, now: datetime) -> Iterator[str]:
    words = {"failed": "has failed", "overdue": "is overdue"}
    return (f"feed {one.name} {words[one.wrong]}: {one.text}" for one in feed_states(settings.home, now) if one.wrong)


def _pepper(settings: Settings) -> Iterator[str]:
    peppers = read_peppers(settings.home)
    if peppers.change or peppers.is_untidy:
        yield "a change of the pepper was cut off: run `civicrec site rotate-pepper` again, it goes on where it was"


def _consent(settings: Settings) -> Iterator[str]:
    from civicrec.registry.choices import PERSONALISE

    asked, acts = settings.consent, "signed-in users there can agree to nothing, and their lists are general"
    sites, name = ", ".join(asked.ledger_sites), "CIVICREC_CONSENT__NOTICE_VERSION"
    if sites and not asked.notice_version:
        yield f"the consent ledger is required for {sites} and there is no notice: {acts}; set {name}"
    if sites and PERSONALISE not in asked.purposes:
        yield f"the notice for {sites} does not ask for personalise: {acts}; add it to CIVICREC_CONSENT__PURPOSES"
    if unknown := [site for site in asked.ledger_sites if settings.sites and site not in settings.sites]:
        known = ", ".join(settings.sites)
        yield f"CIVICREC_CONSENT__LEDGER_SITES names {', '.join(unknown)}; expected configured sites: {known}"


def _in_registry(settings: Settings, today: date) -> Iterator[str]:
    with registry_if_there(settings) as engine:
        if engine is not None:
            yield from _models(engine, settings, today)
            yield from _complaints(engine, settings, today)
            yield from _audit(engine)
            yield from _erasures(engine, settings, today)
            yield from _pushes(engine)


def audit_head_of(settings: Settings) -> str:
    """Return the head of the audit log, NUMBER:DIGEST, empty while there is no registry; may raise `CivicrecError`."""
    from civicrec.registry import audit

    with registry_if_there(settings) as engine:
        return "" if engine is None else str(audit.audit_head_of(engine))


def _audit(engine: Engine) -> Iterator[str]:
    from civicrec.registry.audit import is_cut

    if is_cut(engine):
        yield "the end of the audit log is not as it was written: `civicrec audit verify` says where"


def _erasures(engine: Engine, settings: Settings, today: date) -> Iterator[str]:
    from civicrec.registry.erasures import list_erasures

    waiting = list_erasures(engine, only_open=True)
    if late := sum(one.is_overdue(today) for one in waiting):
        yield f"{late} people asked to be erased and are overdue: `subject erasures`; the stream's log says why"
    if waiting and settings.stream.runner == "flink" and not settings.pepper:
        yield f"{len(waiting)} people asked to be erased: on Flink it needs CIVICREC_PEPPER, docs/flink.md"


def _pushes(engine: Engine) -> Iterator[str]:
    from civicrec.registry.campaigns import campaigns_of
    from civicrec.registry.deliveries import refused_of

    for kept in campaigns_of(engine, ["sending", "paused"]):
        if n := refused_of(engine, kept.campaign_id):
            yield f"{n} messages of campaign {kept.campaign_id} were refused: `civicrec campaign status` says why"


def _complaints(engine: Engine, settings: Settings, today: date) -> Iterator[str]:
    from civicrec.registry.complaints import list_complaints

    waiting = list_complaints(engine, only_open=True)
    if late := sum(one.is_overdue(today) for one in waiting):
        yield f"{late} complaints are overdue: `civicrec complaint list`, then `complaint answer`"
    if waiting and not working_days(settings.home).knows(today):
        yield f"the public holidays of {today.year} are not known, due days may be wrong: write {WORKING_DAYS.name}"


def _if_any(sentence: str) -> Iterator[str]:
    if sentence:
        yield sentence


def _disk(settings: Settings) -> Iterator[str]:
    if settings.home.exists():
        free, least = free_disk_mb(settings.home), settings.min_free_disk_mb
        if free < 2 * least:
            state = "events are refused" if free < least else f"below {least} MB events are refused"
            yield f"the disk of {settings.home} is nearly full: {free} MB are free, {state}; free disk space"


def _models(engine: Engine, settings: Settings, today: date) -> Iterator[str]:
    from civicrec.registry.runs import future_runs, latest_run, refused_in_a_row

    newest, ahead = latest_run(engine, today), future_runs(engine, today)
    n_refused = refused_in_a_row(engine, _REFUSED_LOOKED_AT, today)
    if newest is not None:
        day = date.fromisoformat(newest[1]["day"])
        if (age := (today - day).days) > settings.alarms.models_days:
            yield f"the models are {age} days old (run {newest[0]}): the nightly job does not run or fails; see its log"
    if n_refused >= REFUSED_NIGHTS:
        yield (
            f"the models of {n_refused} nights in a row were refused, those in force grow old: `civicrec model list` "
            "says what they lost to, `civicrec model rollback RUN` puts one in force all the same"
        )
    if ahead:
        yield (
            f"run {ahead[0]} is of a day that has not come: it is left aside; correct the clock, then "
            "`civicrec nightly` forgets it"
        )


def online_problems(settings: Settings) -> tuple[dict[str, object], list[str]]:
    """Return what the online store says of itself, and what is wrong with it; raises `Unavailable`."""
    from civicrec.clients import redis_client
    from profiles.online.redis_upkeep import RedisOnlineUpkeep

    with closing(redis_client(settings.redis, timeout_s=2.0)) as client:
        state = RedisOnlineUpkeep(client).state()
    facts = {
        "complete": state.is_complete, "actors": state.actors, "shed": dict(state.shed),
        "used_mb": round(state.used_mb, 1), "max_mb": round(state.max_mb, 1),
    }  # fmt: skip
    return facts, state.problems()


@contextmanager
def registry_if_there(settings: Settings) -> Iterator[Engine | None]:
    """Open the registry for looking; ``None`` before the first command that needs it made it, or migrated it."""
    from civicrec.registry.connection import connect
    from civicrec.registry.migrate import to_run

    engine = connect(settings.registry_address)
    try:
        is_new = engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists()
        yield None if is_new or to_run(engine) else engine
    finally:
        engine.dispose()

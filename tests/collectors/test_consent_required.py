"""Where a site requires the consent ledger, an event of a signed-in person counts as the ledger says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.clock import utc_now
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from civicrec.registry.consents import enter
from civicrec.registry.notice import Entry, notice_of
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import ConsentSettings, Settings
from tests.builders import NOON, raw_event
from tests.collectors.conftest import Collector
from tests.running import running_collector

CONSENT = ConsentSettings(notice_version="1", ledger_sites=("gz",), timeout_ms=60_000)


@pytest.fixture
def collector(collecting: Callable[..., Collector]) -> Collector:
    return collecting(consent=CONSENT)


def say(collector: Collector, registry: Engine, is_given: bool, user: str = "wang", hours: float = 0) -> None:
    notice = notice_of(collector.settings)
    actor = load_keys(collector.settings).subject_id("gz", user)
    at = NOON + timedelta(hours=hours)
    answer = Entry(actor, "gz", "personalise", is_given, "1", notice.covers, "web", at)
    enter(registry, answer, notice, audit_name="person:1")


def token(collector: Collector, user: str = "wang", site: str = "gz") -> str:
    return load_keys(collector.settings).sign(site, user, NOON)


def send(collector: Collector, user: str = "wang", site: str = "gz", consent: str = "personalise") -> Event:
    """Send one event of a signed-in person; return what is kept of it."""
    event = raw_event(site=site, consent=consent) | {"event_id": str(uuid4())}
    answer = collector.send(event, subject_token=token(collector, user, site))
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    return collector.events()[-1]


def test_a_claim_without_an_entry_is_counted_as_measure_and_told(collector: Collector) -> None:
    kept = send(collector)
    assert (kept.consent, bool(kept.subject_id), kept.anonymous_id) == ("measure", True, "visitor-1")
    assert collector.counts()["altered no_consent_entry"] == 1
    assert 'civicrec_events_altered_total{what="no_consent_entry"} 1.0' in collector.get("/metrics").text
    assert collector.get("/v1/accounting").status_code == 200


def test_only_the_site_only_the_signed_in_and_only_the_claim_is_looked_at(collector: Collector) -> None:
    assert send(collector, site="other").consent == "personalise"
    assert send(collector, consent="measure").consent == "measure"
    collector.send(raw_event(n=1, site="gz", consent="personalise"))
    assert (collector.events()[-1].consent, collector.events()[-1].subject_id) == ("personalise", "")
    collector.send(raw_event(n=2, site="gz", consent="personalise", subject_token="nonsense"))
    assert (collector.events()[-1].consent, collector.events()[-1].subject_id) == ("personalise", "")
    assert not any("consent" in name for name in collector.counts())


@pytest.mark.parametrize("place", ["event", "envelope", "header"])
def test_consent_counts_wherever_the_token_stands(collector: Collector, place: str) -> None:
    with registry_at(collector.settings.registry_address) as registry:
        say(collector, registry, True)
    proof = token(collector)
    event = raw_event(site="gz" if place != "header" else ..., consent="personalise")
    given_: dict[str, Any] = {"headers": {"authorization": f"Bearer {proof}"}} if place == "header" else {}
    if place == "event":
        event["subject_token"] = proof
    elif place == "envelope":
        given_["subject_token"] = proof
    assert collector.send(event, **given_)["accepted"] == 1
    (kept,) = collector.events()
    assert (kept.site, kept.consent, bool(kept.subject_id)) == ("gz", "personalise", True)


def test_in_one_batch_each_person_is_judged_alone(collector: Collector) -> None:
    with registry_at(collector.settings.registry_address) as registry:
        say(collector, registry, True, "wang")
        say(collector, registry, False, "li")
    events = [
        raw_event(n=n, site="gz", consent="personalise", subject_token=token(collector, user))
        for n, user in enumerate(["wang", "li", "zhao", "wang"])
    ]
    collector.send(*events)
    keys = load_keys(collector.settings)
    kept = {(event.subject_id, event.consent) for event in collector.events()}
    consents = {"wang": "personalise", "li": "measure", "zhao": "measure"}
    assert kept == {(keys.subject_id("gz", user), consent) for user, consent in consents.items()}
    assert collector.counts()["altered no_consent_entry"] == 2


def test_the_sender_is_told_what_was_altered(collecting: Callable[..., Collector]) -> None:
    site = {"key": "k" * 32, "api_key": "a" * 16}
    collector = collecting(consent=CONSENT, sites={"gz": site})
    answer = collector.request(
        "POST", "/v1/events?debug=1", headers={"x-api-key": "a" * 16},
        json={"events": [raw_event(site="gz", consent="personalise")], "subject_token": token(collector)},
    ).json()  # fmt: skip
    assert answer["debug"]["events"] == [{"index": 0, "altered": ["no_consent_entry"]}]


_steps = st.lists(
    st.tuples(st.sampled_from(["wang", "li"]), st.sampled_from(["give", "withdraw", "event"])), max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_in_every_order_of_answers_and_events_the_last_answer_counts_for_the_next_event(
    collector: Collector, steps: list[tuple[str, str]]
) -> None:
    run, agreed = uuid4().hex, set()
    with registry_at(collector.settings.registry_address) as registry:
        for hour, (name, act) in enumerate(steps):
            user = f"{name}-{run}"
            if act == "event":
                assert send(collector, user).consent == ("personalise" if user in agreed else "measure")
            else:
                say(collector, registry, act == "give", user, hour)
                (agreed.add if act == "give" else agreed.discard)(user)


def test_while_the_registry_is_away_nothing_is_lost_and_nothing_learned(
    collecting: Callable[..., Collector], tmp_path: Path
) -> None:
    in_the_way = tmp_path / "away"
    in_the_way.touch()
    collector = collecting(consent=CONSENT, registry_url=f"sqlite:///{in_the_way}/registry.sqlite")
    for _ in range(3):
        assert send(collector).consent == "measure"
    assert collector.counts()["altered consent_unread"] == 3
    assert len(collector.events()) == 3


def test_where_no_site_requires_the_ledger_it_is_not_opened(collecting: Callable[..., Collector]) -> None:
    collector = collecting()
    assert send(collector).consent == "personalise"
    assert not (collector.settings.home / "registry.sqlite").exists()


def test_a_collector_of_its_own_process_obeys_what_another_process_enters(tmp_path: Path) -> None:
    sites = {"CIVICREC_CONSENT__LEDGER_SITES": "gz", "CIVICREC_CONSENT__NOTICE_VERSION": "1",
             "CIVICREC_CONSENT__TIMEOUT_MS": "60000"}  # fmt: skip
    with running_collector(tmp_path / "home", sites) as running:
        keys, notice = load_keys(running.settings), notice_of(Settings(consent=CONSENT))

        def sent() -> str:
            event = raw_event(site="gz", consent="personalise", at=utc_now()) | {"event_id": str(uuid4())}
            body = {"events": [event], "subject_token": keys.sign("gz", "wang", utc_now())}
            answer = httpx.post(f"{running.url}/v1/events", json=body, verify=False)
            assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
            log = SqliteEventLog(running.settings.log_path, readonly=True)
            (found,) = log.read(log.head() - 1, log.head())
            log.close()
            return load(found.record.value)[0][0].consent

        with registry_at(running.settings.registry_address) as registry:
            actor = keys.subject_id("gz", "wang")
            assert [sent(), sent()] == ["measure"] * 2
            for is_given in (True, False, True, False):
                answer = Entry(actor, "gz", "personalise", is_given, "1", notice.covers, "web", utc_now())
                enter(registry, answer, notice, audit_name="person:1")
                assert [sent(), sent()] == ["personalise" if is_given else "measure"] * 2

"""To be erased, over HTTP: taken at once, asked again the same, told until it is done and after."""

from __future__ import annotations

import pytest

from civicrec.clock import utc_now
from civicrec.registry.attributes import kept_of
from civicrec.registry.erasures import finish_erasure, list_erasures
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from tests.operations.nights import an_event, at, store_events
from tests.operations.people import SITE, ask


@pytest.fixture
def wang(settings: Settings) -> str:
    me = load_keys(settings).subject_id(SITE, "wang")
    store_events(settings, [an_event(1, at(), actor=me, subject_id=me, anonymous_id="browser-1")])
    return me


def test_a_request_is_taken_once_and_told_until_after_it_is_done(settings: Settings, wang: str) -> None:
    taken = ask(settings, "/v1/me", method="DELETE")
    told = taken.json()
    assert (taken.status_code, told["state"], told["requested_by"], told["receipt"]) == (202, "open", "subject", "")
    assert ask(settings, "/v1/me", method="DELETE").json() == told
    with registry_at(settings.registry_address) as registry:
        (kept,) = list_erasures(registry)
        assert kept.trace is not None
        assert (kept.trace.subject_id, kept.trace.anonymous_ids) == (wang, ("browser-1",))
        assert ask(settings, "/v1/me/erasures").json() == {"erasures": [told]}
        finish_erasure(registry, kept.number, "signed.counts.here", utc_now())
    (done,) = ask(settings, "/v1/me/erasures").json()["erasures"]
    assert (done["state"], done["receipt"], done["number"]) == ("done", "signed.counts.here", told["number"])
    assert wang not in str(done)
    assert ask(settings, "/v1/me/erasures", "li").json() == {"erasures": []}


def test_of_whom_nothing_is_held_nothing_is_erased(settings: Settings, wang: str) -> None:
    answer = ask(settings, "/v1/me", "li", method="DELETE")
    assert (answer.status_code, "nothing is held" in answer.json()["detail"]) == (404, True)
    assert ask(settings, "/v1/me", None, method="DELETE").status_code == 401
    with registry_at(settings.registry_address) as registry:
        assert list_erasures(registry) == []


def test_what_one_said_of_oneself_is_held_too(settings: Settings) -> None:
    said = ask(settings, "/v1/me/attributes", method="PUT", json={"attributes": {"region": "440106"}})
    assert said.status_code == 200, said.text
    with registry_at(settings.registry_address) as registry:
        assert kept_of(registry, load_keys(settings).subject_id(SITE, "wang"))
    assert ask(settings, "/v1/me", method="DELETE").status_code == 202

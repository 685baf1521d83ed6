"""Each step of the collector once: what it adds, what it takes away, when it ends the event."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.erasure import ErasedNames
from civicrec.events import Dropped, Event, dump, load
from civicrec.security.tokens import Keys
from collectors.arrival import Arrival
from collectors.request_facts import RequestFacts, clock_skew
from collectors.robots.behaviour import Behaviour
from collectors.steps import STEPS, take
from tests.builders import NOON, raw_event, uuid7

KEYS = Keys(b"pepper", {})


def arriving(request: RequestFacts | None = None, **fields: Any) -> tuple[Arrival | Dropped, RequestFacts]:
    arrival = msgspec.json.decode(json.dumps(raw_event(**fields)), type=Arrival)
    request = request or RequestFacts(NOON, KEYS)
    return take(arrival, request), request


def taken(request: RequestFacts | None = None, **fields: Any) -> Arrival:
    got, _ = arriving(request, **fields)
    assert isinstance(got, Arrival)
    return got


def reason(request: RequestFacts | None = None, **fields: Any) -> str:
    got, _ = arriving(request, **fields)
    assert isinstance(got, Dropped)
    return got.reason


def test_every_step_is_named_for_what_it_does_and_said_why() -> None:
    assert all(step.__name__.startswith(("put_", "drop_")) and step.__doc__ for step in STEPS)


def test_plain_event_passes_and_is_dated() -> None:
    event = taken()
    assert (event.received_at, event.occurred_at, event.referrer_type, event.device) == (NOON, NOON, "", "")


def test_no_consent_ends_an_event_before_anything_else() -> None:
    assert reason(consent="none", at=NOON + timedelta(days=90), anonymous_id=...) == "no_consent"
    assert reason(RequestFacts(NOON, KEYS, refuses=True), consent="personalise") == "no_consent"


@pytest.mark.parametrize("said", ["personalise", "measure"])
def test_what_minors_do_is_measured_at_most(said: str) -> None:
    def consent(request: RequestFacts, **fields: Any) -> tuple[str, int]:
        event = taken(request, consent=said, **fields)
        return event.consent, request.altered["minor"]

    minors, others = KEYS.sign("demo", "u", NOON, minor=True), KEYS.sign("demo", "u", NOON)
    changed = int(said == "personalise")
    assert consent(RequestFacts(NOON, KEYS), subject_token=minors) == ("measure", changed)
    assert consent(RequestFacts(NOON, KEYS, subject_token=minors)) == ("measure", changed)
    assert consent(RequestFacts(NOON, KEYS, subject_token=minors), subject_token=others) == (said, 0)
    assert consent(RequestFacts(NOON, KEYS, sites_of_minors={"demo"})) == ("measure", changed)
    assert consent(RequestFacts(NOON, KEYS, sites_of_minors={"another"}), subject_token="none") == (said, 0)


@pytest.mark.parametrize("refuses", [True, False])
def test_consent_withdrawn_is_taken_and_of_a_refusal_only_who_and_when(refuses: bool) -> None:
    told = {"title": "标题", "url_path": "/x", "item_id": "i", "session_id": "s", "query": "q", "props": {"tab": "a"},
            "referrer": "http://a.cn", "position": 7, "value": 3, "active_ms": 9, "scroll_pct": 5, "scene": "home",
            "region": "440100"}  # fmt: skip
    request = RequestFacts(NOON, KEYS, refuses=refuses, device="mobile", proven_site="demo", is_server=True)
    event = taken(request, kind="consent_withdrawn", consent="none", **told)
    assert (event.anonymous_id, event.occurred_at, event.consent) == ("visitor-1", NOON, "measure")
    assert not any(getattr(event, name) for name in (*told, "device", "referrer_type"))
    assert event.position is event.value is event.active_ms is event.scroll_pct is None


@pytest.mark.parametrize(
    ("at", "counts_from"),
    [
        (NOON - timedelta(days=29), NOON - timedelta(days=29)),
        (NOON - timedelta(days=400), NOON),
        (NOON + timedelta(hours=5), NOON),
        (NOON + timedelta(days=400), NOON),
    ],
)
def test_consent_withdrawn_by_a_wrong_clock_holds_from_its_arrival(at: datetime, counts_from: datetime) -> None:
    assert taken(kind="consent_withdrawn", at=at).occurred_at == counts_from


def test_site_of_a_key_or_token_fills_an_empty_one_only() -> None:
    request = RequestFacts(NOON, KEYS, proven_site="gz")
    assert (taken(request, site=...).site, taken(request, site="gz").site) == ("gz", "gz")


@pytest.mark.parametrize("is_server", [True, False])
@pytest.mark.parametrize("sites", [None, {"gz", "sz"}])
def test_key_or_token_of_one_site_is_good_for_no_other(is_server: bool, sites: set[str] | None) -> None:
    request = RequestFacts(NOON, KEYS, sites, proven_site="gz", is_server=is_server)
    assert (reason(request, site="sz"), taken(request, site="gz").site) == ("unknown_site", "gz")


def test_unknown_site_ends_an_event_once_sites_are_configured() -> None:
    assert reason(RequestFacts(NOON, KEYS, sites={"gz"})) == "unknown_site"
    assert taken(RequestFacts(NOON, KEYS, sites={"demo"})).site == "demo"


@given(st.integers(-29 * 24 * 60, 23 * 60), st.floats(0, 25))
def test_wrong_client_clock_is_corrected(minutes_off: int, network_s: float) -> None:
    off = timedelta(minutes=minutes_off)
    skew = clock_skew(NOON + off, NOON + timedelta(seconds=network_s))
    assert taken(
        RequestFacts(NOON, KEYS, skew=skew), at=NOON - timedelta(minutes=3) + off
    ).occurred_at == NOON - timedelta(minutes=3)


def test_slow_network_and_unknown_clock_change_nothing() -> None:
    assert clock_skew(NOON, NOON + timedelta(seconds=20)) == clock_skew(None, NOON) == timedelta(0)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-01T12:00:01Z"])
@pytest.mark.parametrize("skew_days", [-1000, 0, 0.001])
def test_time_far_off_ends_an_event_and_never_overflows(at: str, skew_days: float) -> None:
    assert reason(RequestFacts(NOON, KEYS, skew=timedelta(days=skew_days)), occurred_at=at) == "bad_time"


def test_valid_token_names_the_subject_and_is_not_kept() -> None:
    event = taken(subject_token=KEYS.sign("demo", "user-7", NOON), anonymous_id=...)
    assert event.subject_id == KEYS.subject_id("demo", "user-7")
    assert b"token" not in dump([event])


def test_token_of_the_request_counts_for_events_without_their_own() -> None:
    request = RequestFacts(NOON, KEYS, subject_token=KEYS.sign("demo", "all", NOON))
    assert taken(request).subject_id == KEYS.subject_id("demo", "all")
    assert taken(request, subject_token=KEYS.sign("demo", "one", NOON)).subject_id == KEYS.subject_id("demo", "one")


@pytest.mark.parametrize("token", [KEYS.sign("other", "u", NOON), "junk", 7, "", []])
def test_bad_token_leaves_the_event_anonymous_and_is_counted(token: Any) -> None:
    got, request = arriving(subject_token=token)
    assert isinstance(got, Arrival)
    assert (got.subject_id, request.altered["bad_token"]) == ("", 1)


def test_nobodys_event_ends() -> None:
    assert reason(anonymous_id=...) == reason(anonymous_id=..., subject_token="junk") == "no_actor"


@pytest.mark.parametrize("claim", ["0" * 32, "me", 7, None])
def test_what_only_the_collector_may_say_is_not_taken_from_a_client(claim: Any) -> None:
    event = taken(
        subject_id=claim, received_at=claim, device=claim, bot_reason=claim, region=claim, referrer_type=claim
    )
    assert (event.subject_id, event.received_at, event.device) == ("", NOON, "")
    assert (event.bot_reason, event.region, event.referrer_type) == ("", "", "")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/a/b?token=1#x", "/a/b"),
        ("/a#x?y", "/a"),
        ("https://www.gz.gov.cn/a/b?c", "/a/b"),
        ("https://www.gz.gov.cn", "/"),
        ("https://www.gz.gov.cn/", "/"),
    ],
)
def test_only_the_path_of_an_address_is_kept(sent: str, kept: str) -> None:
    assert taken(url_path=sent).url_path == kept


def test_referrer_becomes_its_type_and_is_not_kept() -> None:
    request = RequestFacts(NOON, KEYS, page_host="www.gz.gov.cn")
    event = taken(request, referrer="https://www.baidu.com/s?wd=secret")
    assert event.referrer_type == "search"
    assert b"baidu" not in dump([event])
    assert taken(request, referrer="www.gz.gov.cn").referrer_type == "internal"
    assert taken(request, referrer="www.baidu.com", campaign_id="c1").referrer_type == "push"


def test_device_is_the_visitors_and_not_the_servers() -> None:
    request = RequestFacts(NOON, KEYS, device="mobile")
    assert [taken(request, channel=channel).device for channel in ("web", "kiosk", "server")] == ["mobile", "kiosk", ""]


def test_robot_is_flagged_and_kept() -> None:
    assert taken(RequestFacts(NOON, KEYS, bot_reason="user_agent:baiduspider")).bot_reason == "user_agent:baiduspider"


def test_robot_that_acts_like_one_is_flagged_and_kept_unless_a_server_answers_for_it() -> None:
    def last(channel: str = "web", **facts: Any) -> str:
        request = RequestFacts(NOON, KEYS, behaviour=Behaviour(), **facts)
        return [taken(request, n=n, channel=channel) for n in range(30)][-1].bot_reason

    assert last() == "behaviour:speed"
    assert last(bot_reason="user_agent:baiduspider") == "user_agent:baiduspider"
    assert last(is_server=True, bot_reason="user_agent:other") == ""
    assert last("server") == ""
    assert last("server", sites={"demo"}) == "behaviour:speed"  # anybody can say so; a site's server has its key


def test_events_of_who_was_erased_end_by_their_subject_or_by_a_browser_that_was_theirs_alone() -> None:
    me, token = KEYS.subject_id("gz", "me"), KEYS.sign("gz", "me", NOON)
    erased = ErasedNames(dict.fromkeys(map(KEYS.erased_digest, (me, "browser-1"))), KEYS.erased_digest)
    facts = {"site": "gz", "anonymous_id": "browser-2"}
    assert reason(RequestFacts(NOON, KEYS, erased=erased), **facts, subject_token=token) == "erased"
    assert reason(RequestFacts(NOON, KEYS, erased=erased), anonymous_id="browser-1") == "erased"
    assert taken(RequestFacts(NOON, KEYS, erased=erased), **facts).anonymous_id == "browser-2"
    other = KEYS.sign("gz", "other", NOON)  # signed in from the browser since
    request = RequestFacts(NOON, KEYS, erased=erased)
    kept = taken(request, site="gz", anonymous_id="browser-1", subject_token=other)
    assert (kept.subject_id, kept.anonymous_id) == (KEYS.subject_id("gz", "other"), "")
    assert request.altered == {"erased_browser": 1}


def test_events_of_who_consented_anew_are_taken_from_then_on() -> None:
    me, token = KEYS.subject_id("gz", "me"), KEYS.sign("gz", "me", NOON)
    erased = ErasedNames({KEYS.erased_digest(me): NOON, KEYS.erased_digest("browser-1"): None}, KEYS.erased_digest)
    facts = {"site": "gz", "anonymous_id": "browser-1", "subject_token": token}
    later = NOON + timedelta(seconds=1)
    assert reason(RequestFacts(later, KEYS, erased=erased), at=NOON, **facts) == "erased"  # sent late
    kept = taken(RequestFacts(later, KEYS, erased=erased), at=later, **facts)
    assert (kept.subject_id, kept.anonymous_id) == (me, "")
    assert reason(RequestFacts(later, KEYS, erased=erased), at=later, anonymous_id="browser-1") == "erased"


def test_an_event_says_which_pepper_made_its_name_and_no_client_can() -> None:
    later = Keys(b"pepper", {}, (b"second", b"third"))
    token = later.sign("gz", "me", NOON)
    kept = taken(RequestFacts(NOON, later), site="gz", subject_token=token, pepper=1)
    assert (kept.subject_id, kept.pepper) == (later.subject_id("gz", "me"), 2)
    assert taken(RequestFacts(NOON, later), site="gz", anonymous_id="b", pepper=1).pepper == 0
    assert taken(RequestFacts(NOON, KEYS), site="gz", subject_token=token, pepper=1).pepper == 0


def test_who_was_erased_under_an_earlier_pepper_is_refused_under_a_later_one() -> None:
    later = Keys(b"pepper", {}, (b"second",))
    erased = ErasedNames({KEYS.erased_digest(KEYS.subject_id("gz", "me")): None}, later.erased_digest, later.root)
    token, other = later.sign("gz", "me", NOON), later.sign("gz", "other", NOON)
    assert reason(RequestFacts(NOON, later, erased=erased), site="gz", subject_token=token) == "erased"
    assert taken(RequestFacts(NOON, later, erased=erased), site="gz", subject_token=other).subject_id


def test_page_of_a_foreign_origin_ends_its_events_and_a_listed_one_does_not() -> None:
    foreign = RequestFacts(NOON, KEYS, origin="https://evil.example", origin_sites=())
    assert reason(foreign) == "foreign_origin"
    listed = RequestFacts(NOON, KEYS, origin="https://www.gz.gov.cn", origin_sites={"gz"})
    assert (taken(listed, site="gz").site, reason(listed, site="sz")) == ("gz", "foreign_origin")


def session_of(began: datetime, at: datetime, skew: timedelta = timedelta(0)) -> str:
    request = RequestFacts(NOON, KEYS, skew=skew)
    return taken(request, at=at, session_id=str(uuid7(began))).session_id


def test_session_is_cut_into_pieces_of_a_day_and_never_renamed_before() -> None:
    began = NOON - timedelta(days=3)
    whole = str(uuid7(began))
    for hours, kept in ((0, whole), (23.99, whole), (24, f"{whole}.1"), (47.9, f"{whole}.1"), (48, f"{whole}.2")):
        assert session_of(began, began + timedelta(hours=hours)) == kept
    assert session_of(NOON, NOON - timedelta(hours=2)) == str(uuid7(NOON))


@given(st.integers(0, 29 * 24 * 60), st.integers(-12 * 60, 12 * 60))
def test_piece_of_a_session_depends_on_the_event_alone(minutes: int, minutes_off: int) -> None:
    began, skew = NOON - timedelta(days=29), timedelta(minutes=minutes_off)
    at = began + timedelta(minutes=minutes)
    piece = minutes // (24 * 60)
    # The client's clock is off by as much in its id as in its event; so what it sent gives the piece, not the clock.
    assert session_of(began - skew, at - skew, skew) == str(uuid7(began - skew)) + (f".{piece}" if piece else "")


@pytest.mark.parametrize("session_id", ["s1", "x" * 64, "0198zzzz-0000-7000-8000-000000000001"])
def test_session_of_another_make_is_left_as_it_is(session_id: str) -> None:
    assert taken(session_id=session_id).session_id == session_id


def test_region_is_taken_from_the_sites_own_server_only() -> None:
    server = RequestFacts(NOON, KEYS, proven_site="demo", is_server=True)
    assert taken(server, region="440100").region == "440100"
    assert taken(RequestFacts(NOON, KEYS, proven_site="demo"), region="440100").region == ""


def test_query_is_kept_on_searches_without_personal_numbers() -> None:
    got, request = arriving(kind="search", query="13800138000 社保")
    assert isinstance(got, Arrival)
    assert (got.query, request.altered["private_text"]) == ("[tel] 社保", 1)
    got, request = arriving(kind="click", query="社保")
    assert isinstance(got, Arrival)
    assert (got.query, request.altered["query"]) == ("", 1)


def test_title_is_masked_too() -> None:
    assert taken(title="致 a.b@c.cn 的信").title == "致 [mail] 的信"


def test_props_outside_the_list_are_removed_and_counted() -> None:
    got, request = arriving(props={"tab": "找 13800138000", "phone": "13800138000", "lang": ["zh"], "result_count": 3})
    assert isinstance(got, Arrival)
    assert (got.props, request.altered["props"]) == ({"tab": "找 [tel]", "result_count": 3}, 1)


@pytest.mark.parametrize(("number", "kept"), [(13800138000, "[tel]"), (110105194912310021, "[id]"), (3.5e9, 3.5e9)])
def test_personal_number_told_as_a_number_is_masked_too(number: float, kept: object) -> None:
    assert taken(props={"size_kb": number, "column": True}).props == {"size_kb": kept, "column": True}


JSON = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
)


@given(st.dictionaries(st.sampled_from(Arrival.__struct_fields__), JSON, max_size=4))
def test_whatever_the_steps_let_pass_is_an_event_when_read_back(fields: dict[str, Any]) -> None:
    try:
        arrival = msgspec.json.decode(json.dumps({**raw_event(), **fields}), type=Arrival)
    except msgspec.DecodeError:
        return
    got = take(arrival, RequestFacts(NOON, KEYS))
    if isinstance(got, Arrival):
        events, dropped = load(dump([got]))
        assert (len(events), dropped) == (1, [])
        assert type(events[0]) is Event


def test_path_is_kept_decoded_without_keys_and_personal_numbers_and_cut_by_characters() -> None:
    got, request = arriving(url_path="https://www.gz.gov.cn/%E6%94%BF%E7%AD%96/13800138000;jsessionid=6F1C?x#y")
    assert isinstance(got, Arrival)
    assert (got.url_path, request.altered["private_text"]) == ("/政策/[tel]", 1)
    assert taken(url_path="/" + "%E6%94%BF" * 400).url_path == "/" + "政" * 400
    assert taken(url_path="/" + "政" * 600).url_path == "/" + "政" * 511
    assert taken(url_path="/" + "政" * 505 + "/13800138000" + "/x" * 900).url_path == "/" + "政" * 505 + "/[tel]"


def test_target_of_a_link_is_kept_like_a_path_and_a_host_as_it_is() -> None:
    props = {"target": "/f/%E9%99%84%E4%BB%B6_110101199003070011.pdf;jsessionid=X"}
    assert taken(props=props).props == {"target": "/f/附件_[id].pdf"}
    assert taken(props={"target": "www.gd.gov.cn"}).props == {"target": "www.gd.gov.cn"}


@pytest.mark.parametrize("name", ["item_id", "scene", "slot", "variant", "campaign_id"])
def test_personal_number_in_a_label_is_masked(name: str) -> None:
    got, request = arriving(**{name: "case-13800138000"})
    assert isinstance(got, Arrival)
    assert (getattr(got, name), request.altered["private_text"]) == ("case-[tel]", 1)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/a/b.jsp;jsessionid=6F1C0A7B", "/a/b.jsp"),
        ("b.jsp%3BJSESSIONID%3D6F1C0A7B", "b.jsp"),
        ("show.do?sid=7&PHPSESSID=abc", "show.do?sid=7"),
        ("粤府〔2024〕12号;附件1", "粤府〔2024〕12号;附件1"),
    ],
)
def test_an_item_id_holds_no_key_of_a_session(sent: str, kept: str) -> None:
    assert taken(item_id=sent).item_id == kept


@pytest.mark.parametrize("name", ["session_id", "request_id"])
def test_id_that_ties_events_says_nothing_if_it_is_a_personal_number(name: str) -> None:
    got, request = arriving(**{name: "S13800138000"})
    assert isinstance(got, Arrival)
    assert (getattr(got, name), request.altered["private_text"]) == ("", 1)


@pytest.mark.parametrize("name", ["anonymous_id", "site"])
def test_visitor_or_site_named_by_a_personal_number_is_refused(name: str) -> None:
    got, _ = arriving(**{name: "u13800138000"})
    assert isinstance(got, Dropped)
    assert (got.reason, name in got.detail, "138" in got.detail) == ("bad_field", True, False)


@pytest.mark.parametrize("item_id", ["11440000006939756B2440101007000", "44012345678", "粤府〔2024〕12号"])
def test_item_ids_that_are_codes_stay(item_id: str) -> None:
    assert taken(item_id=item_id).item_id == item_id


@pytest.mark.parametrize("fields", [
    {"title": "从\x0b幻灯片"}, {"kind": "search", "query": "从\ufffe幻灯片"}, {"props": {"tab": "从\x1b幻灯片"}},
])  # fmt: skip
def test_characters_that_cannot_be_shown_are_taken_out_of_texts(fields: dict[str, Any]) -> None:
    got, request = arriving(**fields)
    assert isinstance(got, Arrival)
    assert ("从幻灯片" in (got.title, got.query, got.props.get("tab")), request.altered["unprintable"]) == (True, 1)

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from civicrec.clock import local_date
from civicrec.events import Event
from civicrec.warehouse.migrate import migrations
from profiles.online.pseudonyms import digest_of
from streaming.blocks import SIGNED_IN, Block, Facts, Origin, Parsed
from streaming.enrich import enrich
from streaming.parse import epoch_ms
from streaming.registry import RegistryFacts
from tests.builders import NOON, an_event

TYPES = {"i1": "policy", "i2": "news"}


def enriched(*events: Event, off_since: dict[str, int] | None = None) -> Facts:
    times = [epoch_ms(event.occurred_at) for event in events]
    parsed = Parsed(Block(Origin("log"), []), [], list(events), [7] * len(events), times, [])
    return enrich(parsed, RegistryFacts(TYPES, off_since or {}))


def test_the_columns_are_those_of_the_table() -> None:
    sql = "".join(sql for _, sql in migrations())
    table = sql.split("CREATE TABLE IF NOT EXISTS events\n(")[1].split(")\nENGINE")[0]
    added = re.findall(r"ALTER TABLE events ADD COLUMN IF NOT EXISTS (\w+)", sql)
    assert set(enriched(an_event()).columns) == {*re.findall(r"^    (\w+) ", table, re.MULTILINE), *added}


def test_every_column_has_one_value_for_each_event() -> None:
    columns = enriched(an_event(n=1), an_event(n=2), an_event(n=3)).columns
    assert {len(values) for values in columns.values()} == {3}


def test_a_block_without_good_events_has_no_columns() -> None:
    assert enriched() == Facts(Origin("log"), -1, [], {}, [], [])


@pytest.mark.parametrize("hour", [0, 15, 16, 23])
def test_the_day_is_the_portals(hour: int) -> None:
    at = datetime(2026, 1, 31, hour, 59, 59, 999_000, tzinfo=UTC)
    (days,) = enriched(an_event(at=at)).columns["local_date"]
    assert date(1970, 1, 1) + timedelta(days=days) == local_date(at)


def test_the_catalogue_knows_an_item_better_than_the_client() -> None:
    columns = enriched(
        an_event(item="i1", item_type="news"), an_event(item="unknown", item_type="faq"), an_event(item="")
    ).columns
    assert columns["item_type"] == ["policy", "faq", ""]
    assert columns["item_known"] == [1, 0, 0]


def test_the_actor_is_the_subject_if_known() -> None:
    subject = "0" * 32
    columns = enriched(an_event(), an_event(subject_id=subject)).columns
    assert columns["actor"] == ["visitor-1", subject]


def test_who_switched_personalisation_off_is_counted_and_not_learned_from_then_on() -> None:
    off, other = "0" * 32, "1" * 32
    events = [
        an_event(kind="click", item="i1", subject_id=who, consent=consent, at=NOON + timedelta(minutes=minutes))
        for who, consent, minutes in (
            (off, "personalise", -1), (off, "personalise", 0), (off, "measure", 1), (other, "personalise", 1)
        )
    ]  # fmt: skip
    facts = enriched(*events, off_since={off: epoch_ms(NOON)})
    assert facts.columns["consent"] == ["personalise", "measure", "measure", "personalise"]
    assert [one.is_personal for one in facts.interactions if one.actor in (off, other)] == [True, False, False, True]
    on_browser = [one for one in facts.interactions if one.actor == "visitor-1"]
    assert [one.item_id for one in on_browser] == [digest_of(off), "", "", digest_of(other)]
    assert [one.at_ms for one in on_browser] == [epoch_ms(event.occurred_at) for event in events]
    assert {one.kind for one in on_browser} == {SIGNED_IN}


@pytest.mark.parametrize("fields", [{}, {"kind": "page_view"}, {"item": "unknown"}, {"bot_reason": "agent"}])
def test_any_event_of_a_subject_tells_who_was_signed_in_on_the_browser(fields: dict[str, str]) -> None:
    who, browser = "0" * 32, "f" * 32
    told = enriched(
        an_event(**{"item": "i1", "consent": "personalise", **fields}, subject_id=who, anonymous_id=browser)
    )
    (one,) = (one for one in told.interactions if one.kind == SIGNED_IN)
    assert (one.actor, one.item_id) == (f"a:{browser}", digest_of(who))
    for alone in ({"subject_id": who, "anonymous_id": ""}, {"anonymous_id": browser}):
        assert all(
            one.kind != SIGNED_IN for one in enriched(an_event(**{"item": "i1", **fields}, **alone)).interactions
        )


def test_an_event_without_arrival_arrived_when_it_happened() -> None:
    columns = enriched(an_event(received_at=None), an_event()).columns
    assert [late - at for late, at in zip(columns["received_at"], columns["occurred_at"], strict=True)] == [0, 1000]


def test_props_are_one_json_text_in_a_fixed_order() -> None:
    columns = enriched(an_event(props={"tab": "b", "city": "东莞"}), an_event()).columns
    assert columns["props"] == ['{"city":"东莞","tab":"b"}', "{}"]


@pytest.mark.parametrize(
    ("fields", "interactions"),
    [
        ({"consent": "personalise"}, [(1.0, True)]),
        ({"consent": "measure"}, [(1.0, False)]),
        ({"kind": "favourite", "consent": "personalise"}, [(3.0, True)]),
        ({"kind": "dislike", "consent": "personalise"}, [(0.0, True)]),
        ({"kind": "impression", "consent": "measure"}, []),
        ({"kind": "impression", "consent": "personalise"}, [(0.0, True)]),
        ({"kind": "impression", "consent": "personalise", "bot_reason": "agent"}, []),
        ({"kind": "impression", "consent": "personalise", "item": "unknown"}, []),
        ({"kind": "page_view"}, []),
        ({"item": "unknown"}, []),
        ({"bot_reason": "agent"}, []),
    ],
)
def test_only_people_interacting_with_known_items_reach_the_online_store(
    fields: dict[str, str], interactions: list[tuple[float, bool]]
) -> None:
    found = enriched(an_event(**({"item": "i1"} | fields))).interactions
    assert [(interaction.weight, interaction.is_personal) for interaction in found] == interactions
    assert all(
        (interaction.actor, interaction.item_id, interaction.at_ms) == ("visitor-1", "i1", epoch_ms(NOON))
        for interaction in found
    )

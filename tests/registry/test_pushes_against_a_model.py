"""Any events of a CMS, in one body or in many, leave what a small model of them says; again, they change nothing."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.publishing.cms_fields import CmsFields, EventWords
from civicrec.publishing.pushes import take_push
from civicrec.registry.catalogue import Kept
from civicrec.registry.tables import registry_at

CMS = CmsFields(
    fields={"item_id": "id", "title": "t"}, defaults={"item_type": "news"},
    event=EventWords(field="e", withdraw=("withdraw",)),
)  # fmt: skip
IDS = ("a", "b")
Row = dict[str, str]
ROWS = st.lists(
    st.fixed_dictionaries({
        "id": st.sampled_from(IDS), "t": st.sampled_from(("甲", "乙", "丙")),
        "e": st.sampled_from(("create", "update", "withdraw", "restore")),
    }),
    min_size=1, max_size=12,
)  # fmt: skip
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


def modelled(rows: list[Row]) -> dict[str, tuple[str, str]]:
    """Id → title and status."""
    state: dict[str, tuple[str, str]] = {}
    for row in rows:
        item_id, title = row["id"], row["t"]
        if row["e"] == "withdraw":
            if item_id in state:
                state[item_id] = (state[item_id][0], "withdrawn")
        elif row["e"] == "restore":
            state[item_id] = (title, "online")
        else:
            state[item_id] = (title, state.get(item_id, ("", "online"))[1])
    return state


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 12))
def test_events_leave_what_the_model_says(rows: list[Row], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder, registry_at(f"sqlite:///{folder}/registry.sqlite") as registry:
        for part in (rows[:cut], rows[cut:]):
            done = take_push(registry, part, CMS, who="site:gz", why="", now=NOW)
            assert done.bad == []
            assert sum(done.counts.values()) == len(part)
        kept = Kept(registry).named(IDS)
        assert {name: (item.title, item.status) for name, item in kept.items()} == modelled(rows)
        last = take_push(registry, rows[-1:], CMS, who="site:gz", why="", now=NOW)
        assert last.counts["unchanged"] == 1

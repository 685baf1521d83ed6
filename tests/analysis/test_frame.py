"""Rows of few people are hidden, the others stay; recounted in plain Python."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from civicrec.analysis.frame import PEOPLE, without_few
from civicrec.crowds import K_ANONYMITY

_ROWS = st.lists(
    st.fixed_dictionaries({
        "name": st.text(max_size=3), "people": st.integers(0, 20) | st.none(),
        "访客数": st.integers(0, 20), "events": st.integers(0, 99), "rate": st.floats(0, 1),
    }),
    max_size=8,
)  # fmt: skip
_SCHEMA = pa.schema([
    ("name", pa.string()), ("people", pa.uint64()), ("访客数", pa.int32()), ("events", pa.int64()),
    ("rate", pa.float64()),
])  # fmt: skip


@given(_ROWS)
def test_a_row_of_few_people_keeps_its_words_alone(rows: list[dict[str, object]]) -> None:
    table, hidden = without_few(pa.Table.from_pylist(rows, _SCHEMA))

    def few(row: dict[str, object]) -> bool:
        return any(isinstance(n := row[name], int) and 0 < n < K_ANONYMITY for name in ("people", "访客数"))

    nothing = {"people": None, "访客数": None, "events": None, "rate": None}
    assert table.to_pylist() == [row | nothing if few(row) else row for row in rows]
    assert hidden == sum(map(few, rows))
    assert {"people", "访客数"} <= set(PEOPLE)


def test_a_table_that_counts_no_people_stays() -> None:
    table = pa.table({"events": [1, 2], "name": ["a", "b"]})
    assert without_few(table) == (table, 0)

"""Rows that other offices share: read from what offices write, and every fault with its line and reason."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import PORTAL_TZ
from civicrec.json_files import objects_in
from profiles.rights.imports import BadRow, ImportRow, import_rows
from profiles.rules.attributes import attributes_from, load_attributes

TABLE = """user,企业规模,行业,企业资质,years,所在地,有效期至
a-1,小型企业,制造业,高新技术企业、专精特新中小企业,3,440106,2027-06-30
a-2,,,无,,440100,
"""


def read(content: str | bytes) -> tuple[list[ImportRow], list[BadRow]]:
    return import_rows(objects_in(BytesIO(content.encode() if isinstance(content, str) else content)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_of_office_software_is_read_by_label_or_name(encoding: str) -> None:
    rows, bad = read(TABLE.encode(encoding))
    assert bad == []
    assert [(row.line, row.user, row.valid_until) for row in rows] == [
        (2, "a-1", datetime(2027, 7, 1, tzinfo=PORTAL_TZ)), (3, "a-2", None)
    ]  # fmt: skip
    assert rows[0].values == {
        "scale": "小型企业", "industry": "制造业", "qualification": ["专精特新中小企业", "高新技术企业"], "years": 3,
        "region": "440106",
    }  # fmt: skip
    assert rows[1].values == {"qualification": [], "region": "440100"}


def test_json_says_the_same_and_null_takes_back() -> None:
    text = json.dumps([{"user_id": 17, "scale": "小型", "years": None, "valid_until": "2027-06-30T00:00:00+08:00"}])
    [row], bad = read(text)
    assert (row.user, row.values, bad) == ("17", {"scale": "小型企业", "years": None}, [])
    assert row.valid_until == datetime(2027, 6, 30, tzinfo=PORTAL_TZ)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"scale": "小型企业"}, "names no user"),
        ({"user": "u"}, "says nothing"),
        ({"user": "u", "height": "180"}, "unknown column 'height'"),
        ({"user": "u", "scale": "巨型企业"}, "got scale='巨型企业'; expected one of"),
        ({"user": "u", "years": "三年"}, "got years='三年'"),
        ({"user": "u", "region": "广州"}, "six digits"),
        ({"user": "u", "groups": "残疾人、农民"}, "groups is sensitive"),
        ({"user": "u", "life_events": ["失业"]}, "life_events is sensitive"),
        ({"user": "u", "age": "17"}, "is of a minor"),
        ({"user": "u", "age": "40", "groups": "老年人"}, "they cannot both be true"),
        ({"user": "u", "audience": "自然人", "scale": "小型企业"}, "one is a person's, the other a firm's"),
        ({"user": "u", "scale": "小型企业", "valid_until": "明年"}, "expected a day such as 2027-06-30"),
        ({"user": "u", "scale": "小型企业", "valid_until": "2027-06-30T00:00:00"}, "expected a day"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named_with_its_line(row: dict[str, object], reason: str) -> None:
    good = json.dumps({"user": "good", "scale": "小型企业"})
    rows, [bad] = read(f"{good}\n\n{json.dumps(row, ensure_ascii=False)}\n")
    assert [one.user for one in rows] == ["good"]
    assert bad.line == 3
    assert reason in bad.reason
    assert '"u"' not in bad.reason  # who it is, is not told


def test_a_user_stands_once() -> None:
    rows, [bad] = read('{"user": "a", "years": 3}\n{"user": "a", "years": 4}\n')
    assert (len(rows), bad.line, "line 1 already" in bad.reason) == (1, 2, True)


_words = {name: st.sampled_from(one.options) for name, one in load_attributes().items() if one.kind == "choice"}
_firm = st.fixed_dictionaries(
    {},
    optional={
        "industry": _words["industry"],
        "scale": _words["scale"],
        "years": st.integers(0, 300),
        "region": st.from_regex(r"[1-9][0-9]{5}", fullmatch=True),
        "qualification": st.lists(st.sampled_from(load_attributes()["qualification"].options), unique=True),
    },
).filter(bool)


@given(st.lists(_firm, min_size=1, max_size=5))
def test_table_and_json_of_the_same_say_the_same(firms: list[dict[str, object]]) -> None:
    lines = "\n".join(json.dumps({"user": f"u{n}"} | firm, ensure_ascii=False) for n, firm in enumerate(firms))
    out = io.StringIO()
    writer = csv.DictWriter(out, ["user", "industry", "scale", "years", "region", "qualification"])
    writer.writeheader()
    for n, firm in enumerate(firms):
        cells = {name: "、".join(value) or "无" if isinstance(value, list) else value for name, value in firm.items()}
        writer.writerow({"user": f"u{n}"} | cells)
    (of_json, bad_json), (of_table, bad_table) = read(lines), read(out.getvalue())
    assert (bad_json, bad_table) == ([], [])
    assert [(row.user, row.values) for row in of_json] == [(row.user, row.values) for row in of_table]
    for row, firm in zip(of_json, firms, strict=True):
        assert attributes_from(row.values) == attributes_from(firm)


_columns = st.sampled_from(["user", "scale", "age", "groups", "valid_until", "x"])
_cells = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda cell: st.lists(cell, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(_columns, _cells))
def test_whatever_stands_in_a_row_it_is_taken_or_refused(row: dict[str, object]) -> None:
    rows, bad = import_rows([(1, json.dumps(row).encode())])
    assert len(rows) + len(bad) == 1
    for one in rows:
        attributes_from(one.values)

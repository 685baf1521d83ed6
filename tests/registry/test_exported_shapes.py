from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from civicrec.catalogue.importers import Rows, read_rows, rows_of
from civicrec.errors import InvalidInput
from civicrec.json_files import objects_in

ROWS = [
    {"标题": "关于提取公积金的通知", "效力状态": "有效", "发布日期": "2024-01-02", "访问地址": "http://x.gov.cn/1"},
    {"标题": "关于缴存社保的办法", "效力状态": "已废止", "发布日期": "2024-01-03", "访问地址": "http://x.gov.cn/2"},
]
LINES = [json.dumps(row, ensure_ascii=False) for row in ROWS]
TABLE = "\n".join([",".join(ROWS[0]), *(",".join(row.values()) for row in ROWS)]) + "\n"
WRAPPED: list[Any] = [
    {"data": ROWS},
    {"code": 200, "msg": "成功", "result": {"total": 2, "list": ROWS}},
    {"rows": ROWS, "total": 2},
    {"items": ROWS},
    {"Data": {"Records": ROWS}},
    {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": row} for row in ROWS]},
]


def rows(content: str | bytes, form: str = "gov-policies") -> Rows:
    return rows_of(objects_in(BytesIO(content.encode() if isinstance(content, str) else content)), form)


def own(**fields: Any) -> Rows:
    return rows(json.dumps({"item_id": "a", "item_type": "policy", "title": "关于教育的通知", **fields}), "civicrec")


EXPECTED = rows("\n".join(LINES)).items


@pytest.mark.parametrize("answer", WRAPPED)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_list_inside_an_answer_of_an_api_is_read(answer: Any, indent: int | None, encoding: str) -> None:
    read = rows(json.dumps(answer, ensure_ascii=False, indent=indent).encode(encoding))
    assert (read.items, read.bad) == (EXPECTED, [])


def test_one_page_of_an_answer_with_more_is_refused_because_the_rest_would_be_missing_in_silence() -> None:
    with pytest.raises(InvalidInput, match="holds 2 rows and says there are 500"):
        rows(json.dumps({"data": {"total": 500, "list": ROWS}}))


def test_a_list_inside_an_item_is_no_wrapper() -> None:
    assert own(links=[{"rel": "interprets", "item_id": "b"}]).items[0].links


@pytest.mark.parametrize("sign", ",;\t|")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_by_its_head(sign: str, encoding: str, end: str) -> None:
    read = rows(TABLE.replace(",", sign).replace("\n", end).encode(encoding))
    assert (read.items, read.bad) == (EXPECTED, [])


def test_cells_of_a_table_may_hold_line_ends_and_more_cells_than_names_are_a_bad_row() -> None:
    read = rows('标题,发布日期\n"关于""公积金""的\n通知",2024-01-02\n\n甲办法,2024-01-02,多\n乙办法,2024-01-03\n')
    assert [item.title for item in read.items] == ['关于"公积金"的 通知', "乙办法"]
    assert [(bad.line, "more cells than its head" in bad.reason) for bad in read.bad] == [(5, True)]
    with pytest.raises(InvalidInput, match="from line 2"):
        rows('标题,发布日期\n"没有结束,2024-01-02\n')


@pytest.mark.parametrize(
    "content", [",\n".join(LINES), "".join(LINES), "\r".join(LINES), "\x1e" + "\n\x1e".join(LINES)]
)
def test_objects_are_read_whatever_stands_between_them(content: str) -> None:
    assert rows(content).items == EXPECTED


def test_big5_is_told_from_gb18030() -> None:
    row = {"item_id": "a", "item_type": "news", "title": "許功蓋：關於教育經費的通知"}
    assert rows(json.dumps(row, ensure_ascii=False).encode("big5"), "civicrec").items[0].title == row["title"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"<!DOCTYPE html><html>", "login page"),
        (b"BZh91AY", "bzip2"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ],
)
def test_what_holds_no_rows_is_refused_once_by_name(content: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        rows(content)


def test_columns_are_known_by_other_names_full_width_and_with_spaces() -> None:
    row = {" 文件名称 ": "甲办法", "\ufeff效力状态": "失效", "发布时间": "2024/1/2 8:30", "ＵＲＬ": "http://x.gov.cn/1"}
    item = rows(json.dumps(row)).items[0]
    assert (item.title, item.validity, item.url) == ("甲办法", "失效", "http://x.gov.cn/1")
    assert item.published_at
    assert item.published_at.isoformat() == "2024-01-02T00:30:00+00:00"


def test_a_row_without_title_tells_the_columns_it_has() -> None:
    assert "got columns code, msg" in rows('{"code": 401, "msg": "未登录"}').bad[0].reason


@pytest.mark.parametrize(
    "tags", [[{"name": "教育"}], [{"id": 1, "label": "教育"}], '[{"title": "教育"}]', {"name": "教育"}]
)
def test_a_word_may_be_an_object_with_its_name(tags: Any) -> None:
    assert own(tags=tags).items[0].tags == ("教育",)


def test_a_word_of_another_kind_is_named_in_words() -> None:
    assert own(tags=[{"weight": 1}]).bad[0].reason == "tags: expected text, got an object"


@pytest.mark.parametrize(
    "day", ["2023/7/1", "2023年7月1日", "２０２３．０７．０１", "2023-07-01", "1688140800", 1688140800000]
)
def test_days_of_our_own_format_may_be_written_as_people_do(day: Any) -> None:
    assert (
        own(published_at=day).items[0].published_at
        == own(published_at="2023-07-01T00:00:00+08:00").items[0].published_at
    )


def test_what_ends_on_a_day_ends_with_it_and_long_term_has_no_end() -> None:
    assert (
        own(valid_until="2023-07-01").items[0].valid_until
        == own(valid_until="2023-07-02T00:00:00+08:00").items[0].valid_until
    )
    for text in ("长期", "长期有效", "", "9999-12-31"):
        assert own(valid_until=text).items[0].valid_until is None
    assert "2023年7月" in own(valid_until="2023年7月").bad[0].reason


@pytest.mark.parametrize("word", ["停用", "暂停执行", "暂停实施", "已过有效期"])
def test_words_for_a_document_that_is_not_applied(word: str) -> None:
    assert rows(json.dumps({**ROWS[0], "效力状态": word})).items[0].validity == "失效"


def test_a_word_of_a_list_is_kept_whatever_it_is() -> None:
    row = b'{"item_id": "a", "item_type": "policy", "title": "t", "theme": ["0", {"name": "\xe6\x97\xa0"}, null]}'
    assert [item.theme for item in read_rows([row], "civicrec").items] == [("0", "无")]

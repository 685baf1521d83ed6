"""Importers: every row lands or is reported, with its line and the reason."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.catalogue.importers import FORMATS, BadRow, read_rows
from civicrec.catalogue.importers.fields import summary_of
from civicrec.clock import local_date
from civicrec.errors import InvalidInput
from civicrec.items import Item
from profiles.tags import load_vocabulary

DATA = Path(__file__).parents[3] / "shared" / "data"

POLICY = {
    "标题": "某省教育厅关于学生资助的通知",
    "时间": "2023年01月04日",
    "一级类别": "学生资助",
    "文件": "7教育厅-政策文件",
}
SERVICE = {
    "TASK_CODE": "114400", "TASK_NAME": "失业登记", "DEPT_NAME": "某省人社厅", "TASK_TYPE_TEXT": "公共服务",
    "theme_category": ["就业创业", "失业", "高校毕业生", "城市综合执法"], "service_object_name": ["自然人", "企业法人"],
    "AREACODE": "440000", "URL": None, "matter_short": "无", "matter_daily": "失业，登记", "material_intro": "无",
    "accept_standard": "无条件受理", "handle_time_limit": "1(工作日)", "handle_time": "无",
}  # fmt: skip


def lines(*rows: Any) -> list[bytes]:
    return [json.dumps(row, ensure_ascii=False).encode() for row in rows]


def only_item(row: dict[str, Any], form: str) -> Item:
    read = read_rows(lines(row), form)
    assert not read.bad
    return read.items[0]


def only_reason(line: bytes, form: str) -> str:
    read = read_rows([line], form)
    assert not read.items
    return read.bad[0].reason


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from(sorted(FORMATS)))
def test_no_line_however_broken_raises_or_is_lost(texts: list[bytes], form: str) -> None:
    numbers = [bad.line for bad in read_rows(texts, form).bad]
    assert numbers == [n for n, text in enumerate(texts, 1) if text.removeprefix(b"\xef\xbb\xbf" * (n == 1)).strip()]


_json = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=4)


@given(st.data(), st.sampled_from([("zwfw-services", SERVICE), ("gov-policies", POLICY)]))
def test_a_column_of_any_wrong_type_is_a_bad_row_and_no_crash(data: st.DataObject, source: tuple[str, Any]) -> None:
    form, row = source
    column = data.draw(st.sampled_from(sorted(row)))
    read = read_rows(lines({**row, column: data.draw(_json)}), form)
    assert len(read.items) + len(read.bad) == 1


def test_a_bad_row_harms_no_other_and_is_told_by_its_line() -> None:
    file = [*lines({"item_id": "a", "item_type": "news", "title": "t"}), b"", b"{broken", *lines(POLICY), b"[1]"]
    read = read_rows(file, "civicrec")
    assert [item.item_id for item in read.items] == ["a"]
    assert [bad.line for bad in read.bad] == [3, 4, 5]


def test_a_file_from_office_software_with_a_byte_order_mark_is_read() -> None:
    (line,) = lines(POLICY)
    assert len(read_rows([b"\xef\xbb\xbf" + line + b"\r\n"], "gov-policies").items) == 1


def test_the_second_row_with_an_id_is_reported_with_the_line_of_the_first() -> None:
    read = read_rows(lines(SERVICE, {**SERVICE, "TASK_NAME": "别的"}), "zwfw-services")
    assert [item.title for item in read.items] == ["失业登记"]
    assert read.bad == [BadRow(2, "item_id '114400' stands in line 1 already; keep one of the two")]


def test_a_mistyped_field_name_is_refused_by_our_own_format() -> None:
    row = {"item_id": "a", "item_type": "news", "title": "t", "sumary": "s"}
    assert "unknown field sumary" in only_reason(lines(row)[0], "civicrec")


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="zwfw-services"):
        read_rows([], "excel")


def test_the_mixed_word_list_of_a_service_is_sorted_and_unknown_words_become_tags() -> None:
    item = only_item(SERVICE, "zwfw-services")
    assert (item.theme, item.life_events, item.person_groups) == (("就业创业",), ("失业",), ("高校毕业生",))
    assert item.tags == ("公共服务", "城市综合执法", "失业", "登记")
    assert (item.summary, item.url, item.body_text) == ("", "", "承诺办结时限：1(工作日)")


@pytest.mark.parametrize("column", ["TASK_CODE", "TASK_NAME"])
def test_a_service_without_code_or_name_is_refused(column: str) -> None:
    for value in (None, "", " ", "无"):
        assert column in only_reason(lines({**SERVICE, column: value})[0], "zwfw-services")


@pytest.mark.parametrize(
    ("columns", "published"),
    [
        ({"时间": "2023年01月04日"}, "2023-01-03T16:00:00+00:00"),
        ({"发文日期": "2023-01-04"}, "2023-01-03T16:00:00+00:00"),
        ({"日期": "2023-01-04 17:29:00"}, "2023-01-04T09:29:00+00:00"),
        ({"摘要": "(2001年9月25日某省人民政府令〔2001〕第15号公布)"}, "2001-09-24T16:00:00+00:00"),
        ({}, None),
    ],
)
def test_dates_of_all_notations_are_midnight_in_china_or_their_hour(
    columns: dict[str, str], published: str | None
) -> None:
    row = {key: value for key, value in POLICY.items() if key != "时间"} | columns
    at = only_item(row, "gov-policies").published_at
    assert (at.isoformat() if at else None) == published


@pytest.mark.parametrize("text", ["2023-02-30", "04/01/2023", "时间", "2023年13月01日"])
def test_a_date_that_is_none_is_refused_and_quoted(text: str) -> None:
    assert text in only_reason(lines({**POLICY, "时间": text})[0], "gov-policies")


def test_a_header_row_in_the_middle_of_a_file_is_refused() -> None:
    assert "header row" in only_reason(lines({"标题": "标题", "时间": "时间"})[0], "gov-policies")


def test_interpretations_are_told_from_policies_by_column_or_title() -> None:
    assert only_item(POLICY, "gov-policies").item_type == "policy"
    assert only_item({**POLICY, "一级类别": "政策解读"}, "gov-policies").item_type == "interpretation"
    assert only_item({**POLICY, "标题": "一图读懂学生资助"}, "gov-policies").item_type == "interpretation"


def test_a_document_number_in_a_column_is_the_id_and_otherwise_title_date_and_page_are() -> None:
    assert only_item({**POLICY, "文号": "某教〔2023〕 1号"}, "gov-policies").item_id == "某教〔2023〕1号"
    plain = only_item(POLICY, "gov-policies").item_id
    others = [{"标题": "别的"}, {"时间": "2023年01月05日"}, {"访问地址": "https://example.gov.cn/1"}]
    ids = {only_item({**POLICY, **other}, "gov-policies").item_id for other in others}
    assert len(ids | {plain}) == 4
    assert only_item({**POLICY, "内容": "别的正文", "一级类别": "师资建设"}, "gov-policies").item_id == plain


def test_what_a_policy_says_about_itself_is_found() -> None:
    text = "某教资〔2023〕7号各市教育局：为做好资助工作，现通知如下。依据国发〔2019〕1号执行。"
    item = only_item({**POLICY, "内容": text}, "gov-policies")
    assert (item.issuer, item.document_no, item.theme, item.tags) == (
        "某省教育厅",
        "某教资〔2023〕7号",
        ("教育",),
        ("学生资助",),
    )


def test_an_interpretation_is_linked_to_the_policy_its_title_quotes() -> None:
    titles = [
        "某省人民政府关于印发《某省学生资助管理办法》的通知", "某省教育厅关于做好校车安全工作的意见", "某省教育厅通知",
        "《某省学生资助管理办法》政策解读", "一图读懂《关于做好校车安全工作的意见》", "《通知》解读",
        "《别处的管理办法》解读",
    ]  # fmt: skip
    items = read_rows(lines(*({**POLICY, "标题": title} for title in titles)), "gov-policies").items
    ids = [item.item_id for item in items]
    assert [[(link.rel, link.item_id) for link in item.links] for item in items] == [
        [], [], [], [("interprets", ids[0])], [("interprets", ids[1])], [], [],
    ]  # fmt: skip


def test_a_name_that_fits_many_policies_links_to_none_of_them() -> None:
    policies = [{**POLICY, "标题": "关于做好学生资助工作的通知", "时间": f"2023-01-0{day}"} for day in range(1, 6)]
    reading = {**POLICY, "标题": "《关于做好学生资助工作的通知》解读"}
    for n, linked in ((3, 3), (4, 0)):
        assert len(read_rows(lines(*policies[:n], reading), "gov-policies").items[-1].links) == linked


@given(st.text(max_size=300), st.integers(2, 100))
def test_a_summary_is_never_longer_than_asked_and_begins_like_the_text(text: str, limit: int) -> None:
    summary = summary_of(text, limit)
    assert len(summary) <= limit
    assert " ".join(text.split()).startswith(summary.removesuffix("…"))


ONE_DAY = [
    "2023/9/30", "2023.09.30", "20230930", "2023-09-30 08:00", "2023-09-30T08:00:00", "2023-09-30 08:00:00.0",
    "2023年9月30日 08:00", "２０２３年９月３０日", "2023-09-30（星期六）", "2023年09月30日 星期六 08时05分",
    "20230930080000",
    "2023-09-30T00:00:00.000Z", "2023-09-30T08:00:00+0800", "1696032000000", "二〇二三年九月三十日", "2023－9－30",
    "发布时间：2023-09-30", "2023 年 9 月 30 日",
    "2023-09-30T08:00:00+08", "2023/9/30 上午 8:00:00", "2023年9月30日下午3点", "2023-09-30 8:00 AM",
    "2023-09-30T080000Z", "2023-09-30 08:00:00 CST", "2023-09-30T08:00:00+08:00[Asia/Shanghai]", "【2023-09-30】",
    "自2023年9月30日起施行", "二0二三年九月三十", "二〇二三年 九月 卅日", "贰零贰叁年玖月叁拾日", "2023、9、30",
    "Sat Sep 30 08:00:00 CST 2023", "Sat, 30 Sep 2023 08:00:00 GMT", "/Date(1696032000000)/", "1696032000",
    "民国112年9月30日", "中華民國一一二年九月三十日", "民国一百一十二年九月三十日", "民國 112/09/30",
    "<p>2023-09-30&nbsp;</p>", "2023-09-29 24:00", "2023-09-30 23:59:60", "\ufeff2023\u200b-09-30",
]  # fmt: skip
NO_DAY = [
    "2023年9月底",
    "2023年9月",
    "2023-02-30",
    "0001-01-01 00:00:00",
    "9999-99-99",
    "45199",
    "2023-09-30 至 2024-01-01",
    "30/09/2023",
    "23-09-30",
    "112年9月30日",
    "民国年9月30日",
    "2023-09-30 25:00",
    "2023-09-30T08:00:00+99:99",
    "9" * 5000,
]


@pytest.mark.parametrize("written", [*ONE_DAY, 20230930, 1696032000000])
def test_a_day_as_people_and_programs_write_it(written: Any) -> None:
    at = only_item({**POLICY, "时间": written}, "gov-policies").published_at
    assert at is not None
    assert local_date(at) == date(2023, 9, 30)


@pytest.mark.parametrize("written", NO_DAY)
def test_what_names_no_day_is_told_and_another_column_taken_instead(written: str) -> None:
    assert "时间: got" in only_reason(lines({**POLICY, "时间": written})[0], "gov-policies")
    read = read_rows(
        lines({**POLICY, "时间": written, "发布日期": "很久以前", "成文日期": "2023-09-30"}), "gov-policies"
    )
    assert read.items[0].published_at == datetime(2023, 9, 29, 16, tzinfo=UTC)
    assert [note.reason for note in read.notes if "成文日期 is taken instead" in note.reason]


@pytest.mark.parametrize(
    ("word", "validity", "status"),
    [
        ("有效", "有效", "online"), ("现行有效", "有效", "online"), ("全文有效", "有效", "online"),
        (" 有 效 ", "有效", "online"),
        ("已修改", "失效", "online"), ("部分有效", "修改", "online"), ("部分失效", "修改", "online"),
        ("条款废止", "修改", "online"),
        ("已废止", "废止", "online"), ("全文废止", "废止", "online"), ("已失效", "失效", "online"),
        ("（全文失效）", "失效", "online"),
        ("有效（2023年修订）", "有效", "online"), ("有效(部分失效)", "修改", "online"), ("试行", "有效", "online"),
        ("已宣布失效", "失效", "online"), ("部分条款已废止", "修改", "online"), ("被修正", "失效", "online"),
        ("修正", "修改", "online"), ("作废", "失效", "online"), ("继续执行", "有效", "online"),
        ("到期", "失效", "online"),
        ("尚未施行（2027年1月1日起施行）", "有效", "draft"), ("失效或废止", "废止", "online"),
        ("未标注", "有效", "online"),
        ("尚未生效", "有效", "draft"), ("—", "有效", "online"), ("", "有效", "online"),
    ],
)  # fmt: skip
def test_the_words_of_validity_land_with_their_meaning(word: str, validity: str, status: str) -> None:
    for column in ("效力状态", "时效性"):
        item = only_item({**POLICY, column: word}, "gov-policies")
        assert (item.validity, item.status) == (validity, status)


def test_a_document_that_is_not_in_force_yet_waits_for_its_day() -> None:
    item = only_item({**POLICY, "效力状态": "尚未生效", "施行日期": "2027年1月1日"}, "gov-policies")
    assert (item.validity, item.status, item.valid_from) == ("有效", "online", datetime(2026, 12, 31, 16, tzinfo=UTC))


def test_an_unknown_word_of_validity_is_told_with_its_column_and_the_words_that_are_taken() -> None:
    reason = only_reason(lines({**POLICY, "效力状态": "随缘"})[0], "gov-policies")
    assert all(word in reason for word in ("效力状态", "随缘", "现行有效", "尚未生效"))
    reason = only_reason(lines({"item_id": "a", "item_type": "news", "title": "t", "validity": "随缘"})[0], "civicrec")
    assert all(word in reason for word in ("validity", "随缘", "有效", "废止"))


@pytest.mark.parametrize(
    "written",
    ["自然人,企业法人", "自然人、企业法人", "自然人；企业法人", "自然人 企业法人", "自然人|企业法人",
     "自然人／企业法人", '["自然人","企业法人"]',
     ["自然人、企业法人"], ["自然人", None, "企业法人", "无"], [" 自然人 ", "企业法人", "自然人"]],
)  # fmt: skip
def test_words_in_one_text_are_parted(written: Any) -> None:
    assert only_item({**SERVICE, "service_object_name": written}, "zwfw-services").audiences == ("自然人", "企业法人")


def test_governed_words_with_signs_in_them_stay_whole() -> None:
    themes = "财政、金融、审计,科技、教育;卫生、体育"
    assert only_item({**POLICY, "一级类别": themes}, "gov-policies").theme == (
        "财政、金融、审计",
        "科技、教育",
        "卫生、体育",
    )
    row = {
        "item_id": "a",
        "item_type": "policy",
        "title": "t",
        "theme": themes,
        "audiences": "自然人,企业法人",
        "region_code": 440000,
    }
    item = only_item({**row, "summary": None, "tags": [None, 7]}, "civicrec")
    assert item.theme == ("财政、金融、审计", "科技、教育", "卫生、体育")
    assert (item.audiences, item.region_code, item.tags, item.summary) == (("自然人", "企业法人"), "440000", ("7",), "")


def test_a_word_too_long_to_be_one_is_left_out_and_told() -> None:
    read = read_rows(lines({**SERVICE, "theme_category": ["就业创业", "长" * 65]}), "zwfw-services")
    assert read.items[0].theme == ("就业创业",)
    assert "65 characters" in read.notes[0].reason


def test_an_address_no_page_may_link_to_is_left_out_and_told() -> None:
    read = read_rows(lines({**SERVICE, "URL": "javascript:void(0)"}), "zwfw-services")
    assert read.items[0].url == ""
    assert "javascript:void(0)" in read.notes[0].reason


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "form", "rows", "bad"),
    [("services_guangdong", "zwfw-services", 2262, []), ("policies_hebei", "gov-policies", 2495, [2103])],
)
def test_every_row_of_the_real_files_lands_or_is_reported(name: str, form: str, rows: int, bad: list[int]) -> None:
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"the measurement data is not beside the project: {path}")
    with path.open("rb") as file:
        read = read_rows(file, form)
    items, known = read.items, load_vocabulary()
    assert len(items) + len(read.bad) == rows
    assert [row.line for row in read.bad] == bad
    dimensions = (
        ("theme", "theme"),
        ("life_event", "life_events"),
        ("group", "person_groups"),
        ("audience", "audiences"),
    )
    words = {
        f"{dimension}:{word}" for dimension, field in dimensions for item in items for word in getattr(item, field)
    }
    assert {word for word in words if not known.is_known(word)} == set()
    assert all(item.published_at is not None for item in items if item.item_type != "service")

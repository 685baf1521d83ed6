"""No document takes the place of another, within a file or across files, and the same file again changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.catalogue.importers import Rows, read_rows
from civicrec.catalogue.importers.fields import names_a_document
from civicrec.items import Item
from civicrec.registry.catalogue import Kept, Upserted, items_since, upsert_items
from civicrec.registry.tables import registry_at

PLACEHOLDERS = [
    "无", "暂无", "—", "——", "/", "-", "－", "／", "无文号", "空", "N/A", "Ｎ／Ａ", "0", "０", "00",
    " 无 ", "暂 无", "（无）",
    "[]", "null", "NULL", "None", "nan", "无索引号", "暂无文号", "未编号", "*", "…", "同上", "保密", "不详", "\u200b",
    "无。", "暂未编号", "待补充", "--", "。", "无发文字号", "没有",
]  # fmt: skip


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as engine:
        yield engine


def document(n: object, **columns: object) -> dict[str, object]:
    return {"标题": f"第{n}号文件", "发布日期": "2024-02-01", "访问地址": f"http://x.gov.cn/{n}", **columns}


def imported(registry: Engine, *rows: dict[str, Any], form: str = "gov-policies") -> tuple[Upserted, Rows]:
    read = read_rows([json.dumps(row, ensure_ascii=False).encode() for row in rows], form, Kept(registry))
    return upsert_items(registry, read.items), read


def kept(registry: Engine) -> dict[str, Item]:
    return {item.title: item for item in items_since(registry)[1]}


@pytest.mark.parametrize("column", ["文号", "发文字号", "索引号"])
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_what_stands_for_no_number_is_no_identity(registry: Engine, column: str, placeholder: str) -> None:
    for n in (1, 2):
        done, read = imported(registry, document(n, **{column: placeholder}))
        assert (done.added, read.bad) == (1, [])
    assert [item.document_no for item in kept(registry).values()] == ["", ""]


@pytest.mark.parametrize(
    "number", ["冀政字〔2024〕7号", "主席令第四十二号", "000014349/2024-00012", "无锡府发〔2024〕1号"]
)
def test_a_number_that_names_a_document_is_its_id(registry: Engine, number: str) -> None:
    assert names_a_document(number)
    imported(registry, document(1, 文号=number))
    assert items_since(registry)[1][0].item_id == number


@pytest.mark.parametrize("is_policy_first", [True, False])
@pytest.mark.parametrize("column", ["文号", "发文字号", "索引号"])
def test_an_interpretation_with_its_policys_number_is_another_document(
    registry: Engine, column: str, is_policy_first: bool
) -> None:
    policy = document(1, 标题="某省关于支持就业的若干措施", **{column: "冀政字〔2024〕7号"})
    reading = document(2, 标题="《某省关于支持就业的若干措施》政策解读", **{column: "冀政字〔2024〕7号"})
    order = [policy, reading] if is_policy_first else [reading, policy]
    for rows in (order, [order[0]], [order[1]], order):
        done, read = imported(registry, *rows)
        assert (done.refused, read.bad) == ({}, [])
    assert {title: item.item_type for title, item in kept(registry).items()} == {
        policy["标题"]: "policy", reading["标题"]: "interpretation",
    }  # fmt: skip


def test_an_interpretation_kept_under_its_policys_number_by_an_earlier_version_stays_there(registry: Engine) -> None:
    reading = document(2, 标题="若干措施政策解读", 文号="冀政字〔2024〕7号")
    item = imported(registry, reading)[1].items[0]
    with registry.begin() as connection:
        connection.exec_driver_sql("DELETE FROM items")
    upsert_items(registry, [Item(**{name: getattr(item, name) for name in Item.__struct_fields__}
                                 | {"item_id": "冀政字〔2024〕7号"})])  # fmt: skip
    assert imported(registry, reading)[0] == Upserted(0, 0, 1)
    imported(registry, document(1, 标题="若干措施", 文号="冀政字〔2024〕7号"))
    assert len(kept(registry)) == 2


def test_two_departments_with_one_number_keep_a_document_each(registry: Engine) -> None:
    one = document(1, 标题="水利局关于禁止采砂的通告", 文号="2024年第1号")
    other = document(2, 标题="公安局关于大型活动交通管制的通告", 文号="2024年第1号")
    for rows in ([one], [other], [other, one], [one, other]):
        imported(registry, *rows)
    assert kept(registry).keys() == {one["标题"], other["标题"]}


def test_a_numbered_document_that_changes_stays_one(registry: Engine) -> None:
    before = document(1, 标题="某市关于公积金缴存的通知", 文号="某政〔2024〕3号")
    for change in ({"标题": "某市关于住房公积金缴存的通知"}, {"访问地址": "http://new.gov.cn/3"}, {"内容": "改了正文"}):
        imported(registry, before)
        before = {**before, **change}
        assert imported(registry, before)[0] == Upserted(0, 1, 0)


def test_a_corrected_title_makes_no_second_item(registry: Engine) -> None:
    imported(registry, document(1, 标题="关于做好2024年城乡居民医疗保现参保工作的通知"))
    corrected = document(1, 标题="关于做好2024年城乡居民医疗保险参保工作的通知")
    assert imported(registry, corrected)[0] == Upserted(0, 1, 0)
    assert imported(registry, corrected)[0] == Upserted(0, 0, 1)
    assert kept(registry).keys() == {corrected["标题"]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"标题": "公示名单附件1"}, {"标题": "公示名单附件2"}),
        ({"标题": "就业政策问答（上）"}, {"标题": "就业政策问答（下）"}),
        ({"标题": "拟录用人员公示第三批"}, {"标题": "拟录用人员公示第四批"}),
        ({"标题": "关于放假的通知"}, {"标题": "关于放假的通知", "发布日期": "2024-05-01"}),
        ({"标题": "关于放假的通知"}, {"标题": "关于供水检修停水的通告"}),
        ({"标题": "关于放假的通知"}, {"标题": "关于放假的通知解读"}),
    ],
)
def test_documents_of_one_page_stay_apart_across_files(
    registry: Engine, one: dict[str, str], other: dict[str, str]
) -> None:
    for row in (one, other):
        assert imported(registry, document(1, **row))[0].added == 1
    assert imported(registry, document(1, **one), document(1, **other))[0] == Upserted(0, 0, 2)


def test_a_title_alike_on_the_front_page_of_a_site_is_another_document(registry: Engine) -> None:
    for title in ("关于城区道路施工绕行的通告", "关于城郊道路施工绕行的通告"):
        assert imported(registry, document(1, 标题=title, 访问地址="http://x.gov.cn/"))[0].added == 1


_documents = st.lists(
    st.fixed_dictionaries({
        "标题": st.sampled_from(["关于放假的通知", "关于放假的解读", "供水条例", "公告第1号", "公告第2号"]),
        "文号": st.sampled_from(["无", "", "某政〔2024〕1号", "某政〔2024〕2号", "1号"]),
        "索引号": st.sampled_from(["—", "", "0001/2024-1"]),
        "访问地址": st.sampled_from(["", "http://x.gov.cn/a", "http://x.gov.cn/b", "http://x.gov.cn/c"]),
        "发布日期": st.sampled_from(["2024-02-01", "2024-02-02"]),
    }),
    max_size=8,
    unique_by=lambda row: tuple(row.values()),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(files=st.lists(_documents, max_size=3))
def test_whatever_stands_in_files_no_item_changes_its_type_and_the_same_file_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[dict[str, str]]]
) -> None:
    with registry_at(f"sqlite:///{tmp_path_factory.mktemp('identity')}/registry.sqlite") as registry:
        types: dict[str, str] = {}
        for rows in files:
            done, read = imported(registry, *rows)
            assert done.refused == {}
            assert len(read.items) + len(read.bad) == len(rows)
            assert imported(registry, *rows)[0] == Upserted(0, 0, len(read.items))
            for item in items_since(registry)[1]:
                assert types.setdefault(item.item_id, item.item_type) == item.item_type


@pytest.mark.parametrize(
    "number", ["国发〔2024〕 号", "〔2024〕号", "XX〔2024〕X号", "未标注", "未公布", "&nbsp;", "不涉及"]
)
def test_a_number_that_is_still_to_come_is_no_id(number: str) -> None:
    rows = [
        {"标题": f"关于{word}的通知", "文号": number, "发布日期": "2026-01-05"} for word in ("公积金提取", "入学报名")
    ]
    read = read_rows([json.dumps(row).encode() for row in rows], "gov-policies")
    assert not read.bad
    assert [item.item_id.startswith("policy-") for item in read.items] == [True, True]

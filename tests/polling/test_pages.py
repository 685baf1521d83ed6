"""The heads of pages: what government sites print by 政府网站发展指引, and what others do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.polling.encodings import text_of
from civicrec.polling.pages import row_of

PAGE = """<!DOCTYPE html>
<html><head><meta charset="gb2312"/>
<title>关于公积金的通知_云澜市人民政府</title>
<META name="SiteName" content="云澜市人民政府门户网站"/>
<meta name='ColumnName' content='政策文件'><meta name="ColumnType" content="政策">
<meta name="ArticleTitle" content="关于公积金的通知&mdash;2026年">
<meta content="2026-01-31 08:00" name="PubDate">
<meta name="ContentSource" content="市住建局"><meta name="Keywords" content="公积金,住房">
<meta name="Description" content="为进一步做好">
<!-- <meta name="PubDate" content="2020-01-01"> -->
<script>var a = '<meta name="ArticleTitle" content="不是">';</script>
</head><body><meta name="ArticleTitle" content="正文里的"><p>正文</p></body></html>"""


def test_the_head_of_a_government_page_is_read() -> None:
    assert row_of(text_of(PAGE.encode("gbk"))) == {
        "title": "关于公积金的通知—2026年", "published": "2026-01-31 08:00", "source": "市住建局", "column": "政策文件",
        "summary": "为进一步做好", "words": "公积金,住房",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ('<title> 标\n题 </title><meta name="pubdate" content="2026年1月31日">',
         {"title": "标 题", "published": "2026年1月31日"}),
        ('<meta property="og:type" content="article"><meta property="og:title" content="标题">', {"title": "标题"}),
        ('<meta property="article:published_time" content="2026-01-31T08:00:00+08:00">',
         {"published": "2026-01-31T08:00:00+08:00"}),
        ('<title>栏目</title><meta name="Description" content="本栏目"><meta name="ColumnName" content="要闻">', None),
        ('<title>首页</title>', None),
        ("", None),
        ('<meta name="ArticleTitle" content=" ">', None),
        ('<meta name="ArticleTitle">', None),
        ('<meta name="ArticleTitle" content="第一"><meta name="ArticleTitle" content="第二">', {"title": "第一"}),
        ('<meta name=ArticleTitle content=无引号的标题>', {"title": "无引号的标题"}),
        ('<meta name="ArticleTitle" content="没有关上', None),
    ],
)  # fmt: skip
def test_only_articles_are_items(head: str, row: dict[str, object] | None) -> None:
    assert row_of(f"<html><head>{head}</head><body>…</body></html>") == row


@pytest.mark.parametrize(
    "page",
    ["<" * 2_000_000, "<meta " * 300_000, "<!--" * 500_000, "<meta a='" * 200_000, "<title>" * 300_000, "&#" * 900_000],
)
def test_a_strange_page_takes_no_longer_than_a_moment(page: str) -> None:
    began = time.monotonic()
    row_of(page)
    assert time.monotonic() - began < 10


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                '<meta name="ArticleTitle" content="a">',
                "<",
                ">",
                '"',
                "<!--",
                "</",
                "<title>",
                "&lt",
                "]]>",
                "<![CDATA[",
            ]
        )
    ).map("".join)
)
def test_any_page_is_read(page: str) -> None:
    assert row_of(page) is None or isinstance(row_of(page), dict)

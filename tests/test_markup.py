"""Texts out of pages: what a reader would have read, and nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.items import address
from civicrec.markup import has_markup, lost_characters, plain
from civicrec.text import unprintable
from tests.item_builders import an_item


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<p>关于<b>公积金</b>的通知</p>", "关于公积金的通知"),
        ("关于&nbsp;公积金&amp;社保的通知", "关于 公积金&社保的通知"),
        ("关于公积金\u00a0\u3000的通知\r\n", "关于公积金 的通知"),
        ("关于\u200b公积\ufeff金的\u00ad通知", "关于公积金的通知"),
        ("&lt;span style=&quot;color:red&quot;&gt;红头&lt;/span&gt;文件", "红头文件"),
        ("&amp;lt;br&amp;gt;两次转义", "两次转义"),
        ("<script>alert('x')</script>通告<style>p{}</style><!-- 注释 -->", "通告"),
        ("通告\x1b[31m\x07\x0b红", "通告 [31m 红"),
        ("关于<中华人民共和国公司法>的通知", "关于<中华人民共和国公司法>的通知"),
        ("1<2 且 3>2, A&B, R&D", "1<2 且 3>2, A&B, R&D"),
        ("&#8203;&#x200B;\u200b", ""),
    ],
)
def test_a_text_is_what_a_reader_of_the_page_would_read(written: str, read: str) -> None:
    assert plain(written) == read


def test_the_lines_of_a_body_stay() -> None:
    assert (
        plain("<p>一、总则</p><p>二、分则<br/>三、附则</p>\n\n四", keep_lines=True)
        == "一、总则\n二、分则\n三、附则\n四"
    )


_pieces = st.sampled_from(
    ["<p>", "</p>", "&nbsp;", "&lt;", "&amp;", "<", ">", "\u200b", "\x1b", "\n", "公", " ", "<!--"]
)


@given(st.lists(_pieces, max_size=12).map("".join) | st.text(max_size=40))
def test_what_is_plain_stays_as_it_is_and_can_be_shown(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert unprintable(once) is None
    assert "\u200b" not in once


@pytest.mark.parametrize("piece", ["<p", "<!--", "<script>", "</style>", "&", "&lt;", "<p>", "&amp;", "\u200b", "锟"])
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(n: int) -> float:
        began = time.process_time()
        plain(piece * n)
        return time.process_time() - began

    assert seconds(100_000) < 100 * max(seconds(10_000), 0.001)


def test_lost_characters_and_left_markup_are_seen() -> None:
    assert [bool(lost_characters(text)) for text in ("关于\ufffd的", "锟斤拷锟斤拷", "公积金")] == [True, True, False]
    assert [has_markup(text) for text in ("<b>x", "a&nbsp;b", "<法>", "A&B")] == [True, True, False, False]


@pytest.mark.parametrize(
    "url", ["http://x.gov.cn/a?b=1", "HTTPS://x", "/items/1", "a/b.html", "//x.gov.cn/a", "", "?a=b:c"]
)
def test_addresses_a_page_may_link_to(url: str) -> None:
    assert an_item(url=url).url == url


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "java\u200bscript:x", "data:text/html,x",
     "vbscript:x", "file:///etc/passwd", "javascript&#58;alert(1)", "http:\\\\x.gov.cn", "ftp://x.gov.cn/a"],
)  # fmt: skip
def test_addresses_a_page_must_not_link_to(url: str) -> None:
    with pytest.raises(InvalidInput, match="url"):
        address(url)


@pytest.mark.parametrize("item_id", ["..", ".", "a/../b", "a\u200b", "\u202ea", "a\x9b", "\ufffe", "<b>", "a\ud800"])
def test_ids_no_page_can_be_found_under_are_refused(item_id: str) -> None:
    with pytest.raises(InvalidInput):
        an_item(item_id)


@pytest.mark.parametrize("title", ["\u200b", "&nbsp;", "<p></p>", "\u3164", "\x07", "关于\ufffd\ufffd的通知", "锟斤拷"])
def test_titles_that_say_nothing_or_lost_characters_are_refused(title: str) -> None:
    with pytest.raises(InvalidInput, match="title"):
        an_item(title=title)

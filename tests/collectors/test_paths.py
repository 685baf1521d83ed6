"""Addresses: one page has one path, whoever tells of it, and nothing of a visitor is in it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.text import unprintable
from collectors.facts.paths import clean_path, path_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/a/b?token=1#x", "/a/b"),
        ("/a#x?y", "/a"),
        ("https://www.gz.gov.cn/a/b?c", "/a/b"),
        ("HTTPS://www.gz.gov.cn:8443/a", "/a"),
        ("https://www.gz.gov.cn", "/"),
        ("https://www.gz.gov.cn?x=/y", "/"),
        ("https://www.gz.gov.cn/", "/"),
        ("/政策/公积金提取", "/政策/公积金提取"),
        ("/my%20file.pdf", "/my file.pdf"),
        ("/100%", "/100%"),
        ("/a%25b", "/a%b"),
    ],
)
def test_only_the_path_of_an_address_is_kept(sent: str, kept: str) -> None:
    assert path_of(sent) == kept


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("path", ["/政策/公积金提取", "/信息公开/第1号.pdf", "/朱镕基"])
def test_percent_code_of_any_encoding_is_the_same_page(path: str, encoding: str) -> None:
    assert path_of(quote(path, encoding=encoding)) == path_of(path) == path


def test_character_that_was_cut_in_its_percent_code_is_left_out() -> None:
    coded = quote("/附件/申报材料")
    assert {path_of(coded[:-n]) for n in range(1, 10)} == {"/附件/申报材"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/index.jsp;jsessionid=6F1C0A7B9E", "/index.jsp"),
        ("/a.jsp;JSESSIONID=11.node1?x#y", "/a.jsp"),
        ("/a.jsp%3Bjsessionid%3DABC", "/a.jsp"),
        ("/a;v=1/b;sid=2;w=3/c", "/a/b/c"),
        ("/index.jsp;jsessionid=abc!123!456", "/index.jsp"),
        ("/(S(abc123def))/x.aspx", "/x.aspx"),
        ("/app/(A(1)S(lit3py55t21z5v55vlm25s55))/x.aspx", "/app/x.aspx"),
        ("/(lit3py55t21z5v55vlm25s55)/x.aspx", "/x.aspx"),
        ("/a.jsp%253Bjsessionid%253DABC", "/a.jsp"),
        ("/a.jsp；jsessionid＝ABC", "/a.jsp"),
        ("/a.jsp;jsessionid:ABC", "/a.jsp"),
        ("/a.jsp$jsessionid$ABC/b", "/a.jsp/b"),
        ("/a|jsessionid=ABC", "/a"),
        ("/a/PHPSESSID/abcdef012345/b", "/a/b"),
        ("/a/PHPSESSID=abc/b", "/a/b"),
        ("/a,jsessionid=abc", "/a"),
        ("/a/token=abc", "/a"),
        ("/a%3Ftoken=abc", "/a"),
        ("/a%23/b", "/a"),
    ],
)
def test_keys_of_a_session_are_cut_out(sent: str, kept: str) -> None:
    assert path_of(sent) == kept


@pytest.mark.parametrize(
    "path",
    ["/a;b/c", "/资料(一)/x", "/side/b", "/tokens/1", "/sessionid/help", "/secret/a", "/news(2026)/1.html", "/a=b/c"],
)
def test_what_is_no_key_stays(path: str) -> None:
    assert path_of(path) == path


@pytest.mark.parametrize("sent", ["/app#/user/1", "/app#!/user/1", "/app/user/1", "/app#/user/1?tab=2"])
def test_route_in_a_fragment_is_part_of_the_path(sent: str) -> None:
    assert path_of(sent) == "/app/user/1"


@given(st.text(max_size=512) | st.binary(max_size=100).map(lambda raw: "/" + quote(raw)))
def test_any_path_is_text_that_can_be_shown_and_never_longer(path: str) -> None:
    kept = path_of(path)
    assert unprintable(kept) is None
    assert len(kept) <= max(1, len(path))
    assert kept.isprintable() or not kept.isascii()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="%?#;"), max_size=50))
def test_path_told_in_percent_code_is_the_path_told_plainly(path: str) -> None:
    assert clean_path(quote(path)) == clean_path(path)

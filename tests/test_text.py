from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from civicrec.text import printable, printable_pattern, unprintable


@given(st.text(st.characters()))
def test_printable_text_passes_an_xml_parser_unchanged(text: str) -> None:
    clean = printable(text)
    parsed = ElementTree.fromstring(f"<t>{escape(clean)}</t>").text or ""
    assert parsed == clean.replace("\r\n", "\n").replace("\r", "\n")  # XML reads line ends as one sign


@given(st.text(st.characters()))
def test_text_with_nothing_unprintable_stays_as_it_is(text: str) -> None:
    assert (printable(text) == text) == (unprintable(text) is None)


@given(
    st.text(st.characters()) | st.sampled_from([chr(code) for code in (0x1FFFE, 0x1FFFF, 0x10FFFF, 0x20000, 0xFFFF)])
)
def test_pattern_of_printable_text_says_the_same(text: str) -> None:
    assert bool(re.search(printable_pattern(), text)) == (unprintable(text) is None)
    assert bool(re.search(printable_pattern(","), text)) == (unprintable(text) is None and "," not in text)


def test_a_terminal_gets_no_escape_and_no_turned_line() -> None:
    assert printable("\x1b[31m红\x07\x9b2J\u202e文件") == "[31m红2J文件"


def test_chinese_rare_characters_and_emoji_stay() -> None:
    text = "𠮷野家 👩‍👩‍👧 Ａ１，〔2026〕21号\t\n"
    assert printable(text) == text

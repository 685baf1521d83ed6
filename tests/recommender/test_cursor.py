"""Cursors come back as they were and cannot be made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from recommender.cursor import MAX_SHOWN, Cursor, decode_cursor, encode_cursor

KEY = b"a key"


@given(st.sampled_from(["home", "适老"]), st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_a_cursor_comes_back_as_it_was(scene: str, shown: list[int]) -> None:
    cursor = Cursor(scene, tuple(shown))
    assert decode_cursor(encode_cursor(cursor, KEY), KEY, scene) == cursor


def test_the_longest_cursor_still_fits_an_address() -> None:
    text = encode_cursor(Cursor("home", tuple(range(MAX_SHOWN))), KEY)
    assert len(text) < 6_000
    assert len(decode_cursor(text, KEY, "home")) == MAX_SHOWN


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        decode_cursor(text, KEY, "home")


@given(st.integers(0, 30), st.characters(codec="ascii"))
def test_a_changed_cursor_is_refused(place: int, character: str) -> None:
    text = encode_cursor(Cursor("home", (1, 2, 3)), KEY)
    changed = text[:place] + character + text[place + 1 :]
    if changed != text:
        with pytest.raises(InvalidInput):
            decode_cursor(changed, KEY, "home")


@pytest.mark.parametrize(("key", "scene"), [(b"another key", "home"), (KEY, "news")])
def test_another_key_or_scene_is_refused(key: bytes, scene: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(encode_cursor(Cursor("home", (1,)), KEY), key, scene)

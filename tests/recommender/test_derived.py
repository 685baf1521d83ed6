"""What is worked out from a frozen value is worked out once, for it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recommender.derived import Derives


@dataclass(frozen=True, slots=True)
class Words(Derives):
    text: str


calls: list[str] = []


def length(words: Words) -> int:
    calls.append(words.text)
    return len(words.text)


def nothing(_: Words) -> None:
    calls.append("nothing")


def test_a_function_is_asked_once_of_each_value() -> None:
    calls.clear()
    one, other = Words("one"), Words("other")
    assert [one.once(length), one.once(length), other.once(length)] == [3, 3, 5]
    assert [one.once(nothing), one.once(nothing)] == [None, None]
    assert calls == ["one", "other", "nothing"]


def test_a_changed_copy_begins_anew() -> None:
    one = Words("one")
    one.once(length)
    assert replace(one, text="twelve").once(length) == 6


def test_what_is_kept_is_no_part_of_the_value() -> None:
    one = Words("one")
    one.once(length)
    assert one == Words("one")
    assert hash(one) == hash(Words("one"))
    assert repr(one) == "Words(text='one')"

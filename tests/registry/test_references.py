"""The documents a text names are found in whatever way people write their numbers, and titles inside titles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.catalogue.references import Number, first_number, normal_number, references, titles


@pytest.mark.parametrize(
    "written",
    ["云府发〔2026〕21号", "云府发[2026]21号", "云府发（2026）21号", "云府发(2026) 21 号", "云府发［2026］第21号",
     "云府发【x】云府发〔2026〕021号", "2026年3月5日云府发〔2026〕21号"],
)  # fmt: skip
def test_a_number_has_one_writing(written: str) -> None:
    number = first_number(written)
    assert number is not None
    assert number.normal == "云府发〔2026〕21号"


def test_the_sign_of_a_city_is_not_the_day_of_a_date() -> None:
    assert normal_number("日政发[2024]3号") == "日政发〔2024〕3号"


@pytest.mark.parametrize(
    "text", ["", "第24号", "〔2026〕21号", "云府发〔26〕21号", "云府发2026年21号", "（2026）21号文"]
)
def test_what_names_no_issuer_or_year_is_no_number(text: str) -> None:
    assert first_number(text) is None
    assert normal_number(text) == text


def test_a_number_inside_a_sentence_stays_as_it_is() -> None:
    assert normal_number("见云府发[2026]21号及附件") == "见云府发[2026]21号及附件"


def test_a_title_may_hold_another() -> None:
    assert titles("《关于印发《云澜市办法》的通知》和《条例》") == ["关于印发《云澜市办法》的通知", "条例"]
    assert titles("《没有完") == titles("》《》") == []


@given(
    st.lists(st.sampled_from(["《甲办法》", "云府发〔2026〕21号", "，", "解读", "3月5日", "《", "》", "[2026]", "号"]))
)
def test_what_is_found_stands_in_the_text_in_its_order(parts: list[str]) -> None:
    text, end = "".join(parts), 0
    for one in references(text):
        written = one.written if isinstance(one, Number) else one
        end = text.index(written, end) + len(written)

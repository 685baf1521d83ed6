"""Colours of the console's style sheet can be told apart: WCAG 2.2, 1.4.3 for words and 1.4.11 for frames and focus."""

import re
from itertools import product
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "serving/console/static/console.css").read_text()
NAMED = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", CSS))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_as_the_norm_works_it_out() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)  # the norm's well-known near miss


@pytest.mark.parametrize(("words", "ground"), list(product(["ink", "grey", "blue", "red"], ["#ffffff", NAMED["pale"]])))
def test_words_stand_out_from_their_ground(words: str, ground: str) -> None:
    assert contrast(NAMED[words], ground) >= 4.5


def test_white_words_stand_out_from_the_head_and_from_buttons() -> None:
    assert contrast("#ffffff", NAMED["blue"]) >= 4.5


def test_the_focus_can_be_seen_on_every_ground() -> None:
    [on_page] = re.findall(r"\n:focus-visible \{ outline: \dpx solid (#[0-9a-f]{6})", CSS)
    [in_head] = re.findall(r"header\.site :focus-visible \{ outline-color: (#[0-9a-f]{6})", CSS)
    assert min(contrast(on_page, "#ffffff"), contrast(on_page, NAMED["pale"]), contrast(in_head, NAMED["blue"])) >= 3


def test_fields_can_be_told_from_the_page() -> None:
    frames = set(re.findall(r"(?:input, button|textarea) \{[^}]*border: 1px solid (#[0-9a-f]{6})", CSS))
    assert frames
    assert [frame for frame in frames if contrast(frame, "#ffffff") < 3] == []

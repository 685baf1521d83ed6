"""Every pattern of the project takes time in proportion to the text it looks at, whatever the text.

The texts are made of the pattern itself: each sign and word it asks for, alone, in pairs and all together, repeated
between the first of them and a sign that nothing asks for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from time import process_time
from typing import Any, get_args

import msgspec
import pytest

from civicrec.text import printable_pattern

ROOT = Path(__file__).parents[1]
PACKAGES = ("civicrec", "collectors", "profiles", "recommender", "serving", "streaming")
#: Reads the patterns of a list that comes with a package, at the start.
OWN_TEXTS = {"collectors.robots.declared._TOKENS"}
SHORT, TIMES = 1_500, 8
SIGNS = {ops.CATEGORY_DIGIT: "1", ops.CATEGORY_SPACE: " ", ops.CATEGORY_WORD: "a"}
ANCHORED = {"match", "fullmatch"}


@cache
def sources() -> dict[str, str]:
    """Return module name → text of each module that has a pattern."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if re.search(r"^import re$|msgspec\.Meta\(.*pattern=", text, re.MULTILINE):
                found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = text
    return found


def patterns_of(module: str) -> Iterator[tuple[str, re.Pattern[Any], frozenset[str]]]:
    """Yield name, pattern, and the ways in which it is used."""
    text = sources()[module]
    for name, value in vars(import_module(module)).items():
        used = frozenset(re.findall(rf"\b{name}\.(match|fullmatch|search|sub|split|findall|finditer)\(", text))
        for number, pattern in enumerate(held(value)):
            if f"{module}.{name}" not in OWN_TEXTS:
                yield f"{name}[{number}]", pattern, used or frozenset({"search"})
    for call in ast.walk(ast.parse(text)):
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.") and call.args:
            asked, way = call.args[0], ast.unparse(call.func)[3:]
            if isinstance(asked, ast.Constant) and way != "compile":
                yield f"line {call.lineno}", re.compile(asked.value), frozenset({way})


def held(value: Any) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns that a variable holds, in a list, a named tuple or the bounds of a type."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from held(one)
    else:
        for one in get_args(value):
            if isinstance(one, msgspec.Meta) and one.pattern:
                yield re.compile(one.pattern)


def pieces_of(pattern: re.Pattern[Any]) -> list[str]:
    """Return the signs and words a pattern asks for, and what can be made of a few of them."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    leaves = list(dict.fromkeys(leaves_of(parser.parse(text, pattern.flags & re.VERBOSE))))
    few = leaves[:: max(1, len(leaves) // 8)][:9]
    made = ["".join(some) for n in (2, 3) for some in product(few if n == 2 else few[:4], repeat=n)]
    return list(dict.fromkeys([*leaves[:40], *made, "".join(leaves[:60])]))


def leaves_of(tree: Any) -> Iterator[str]:
    word = ""
    for op, given in tree:
        if op is ops.LITERAL:
            word += chr(given)
            continue
        if word:
            yield word
        word = ""
        match op:
            case ops.NOT_LITERAL | ops.ANY:
                yield "x"
            case ops.IN:
                yield from signs_of(given)
            case ops.SUBPATTERN:
                yield from leaves_of(given[3])
            case ops.BRANCH:
                for way in given[1]:
                    yield from leaves_of(way)
            case ops.MAX_REPEAT | ops.MIN_REPEAT | ops.POSSESSIVE_REPEAT:
                yield from leaves_of(given[2])
            case ops.ASSERT | ops.ASSERT_NOT:
                yield from leaves_of(given[1])
            case ops.ATOMIC_GROUP:
                yield from leaves_of(given)
    if word:
        yield word


def signs_of(members: Sequence[tuple[Any, Any]]) -> Iterator[str]:
    """Yield some signs of a class; of one that is turned around, signs that are likely in it."""
    for op, given in members[:6]:
        if op is ops.LITERAL:
            yield chr(given)
        elif op is ops.RANGE:
            yield chr(given[0])
        elif op is ops.CATEGORY:
            yield SIGNS.get(given, ".")
        elif op is ops.NEGATE:
            yield "x"


def search_of(pattern: re.Pattern[Any], ways: frozenset[str]) -> Callable[[str], None]:
    def look(text: str) -> None:
        subject = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
        if ways <= ANCHORED:
            for way in ways:
                getattr(pattern, way)(subject)
        else:
            for _ in pattern.finditer(subject):
                pass

    return look


def text_of(head: str, piece: str, length: int) -> str:
    """Return a text that ends in what no pattern asks for, so that it has to give back what it took."""
    return head + piece * (length // len(piece)) + "\x01"


def least_s(look: Callable[[str], None], text: str, times: int) -> float:
    took = []
    for _ in range(times):
        began = process_time()
        look(text)
        took.append(process_time() - began)
    return min(took)


def grows_too_fast(pattern: re.Pattern[Any], ways: frozenset[str]) -> str:
    """Return the piece of a text whose eightfold takes far more than eight times as long; empty if there is none."""
    look, pieces = search_of(pattern, ways), pieces_of(pattern)
    texts = [(head, one) for head in ("", pieces[0]) for one in pieces]
    slowest = sorted(((least_s(look, text_of(*text, SHORT), 1), text) for text in texts), reverse=True)
    for _, (head, one) in slowest[:3]:
        short, long = text_of(head, one, SHORT), text_of(head, one, TIMES * SHORT)
        # A quadratic pattern takes 64 times as long.
        if all(least_s(look, long, 1) > 25 * max(least_s(look, short, 3), 20e-6) for _ in range(4)):
            return one
    return ""


@pytest.mark.parametrize("module", sources())
def test_no_text_costs_a_pattern_more_than_its_length(module: str) -> None:
    found = {name: grows_too_fast(one, ways) for name, one, ways in patterns_of(module)}
    assert {name: piece for name, piece in found.items() if piece} == {}


def test_a_quadratic_pattern_would_be_found() -> None:
    for bad in (r"[\w.+-]+@\w+", r"\s+$", r"a.*b"):
        assert grows_too_fast(re.compile(bad), frozenset({"search"})), bad
    assert not grows_too_fast(re.compile(r"\s*+\{"), frozenset({"match"}))
    assert not grows_too_fast(re.compile(printable_pattern()), frozenset({"search"}))

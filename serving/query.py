"""Query strings, read by the structs that describe them: the same rules as for bodies, and the same refusals.

In: a query string. Out: a struct, or `InvalidInput` that names the parameter.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from fastapi import Request

from civicrec.errors import InvalidInput

#: Said of a 429, which any route may answer.
TOO_MANY = "the address asks for more than its share"
Q = TypeVar("Q", bound=msgspec.Struct)
_PLACE = re.compile(r" - at `\$\.?([^`]*)`\Z")
#: Python reads no number of thousands of digits, and no number of ours has so many.
_DIGITS = re.compile(r"0*([0-9]{1,18})\Z")


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a route that takes none."""


def query_of(request: Request, kind: type[Q]) -> Q:
    """Read the query of a request; a blank value means that it is not given, and of several the last one counts.

    Raises
    ------
    InvalidInput
        If a parameter is unknown, or its value is none it may have.
    """
    text = request.scope["query_string"]
    fields: dict[str, str] = dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError:
        return _read_again(fields, kind)


def _read_again(fields: dict[str, str], kind: type[Q]) -> Q:
    names = _names(kind)
    if (unknown := next((name for name in fields if name not in names), None)) is not None:
        expected = f"expected only {', '.join(names)}" if names else "this address takes none"
        raise InvalidInput(f"unknown parameter {unknown[:60]!r}; {expected}")
    stated = {name: _plain(value) for name, value in fields.items() if value.strip()}
    try:
        return msgspec.convert(stated, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(_explained(str(error), stated, kind)) from None


def _plain(value: str) -> str:
    """Return a value without spaces around it, and a number without the zeros before it."""
    number = _DIGITS.match(value.strip())
    return number[1] if number else value.strip()


def _explained(message: str, fields: dict[str, str], kind: type[msgspec.Struct]) -> str:
    place = _PLACE.search(message)
    name = place[1] if place else ""
    expected = _expected(kind, name)
    return f"got {name}={fields[name][:50]!r}; {expected}" if expected and name in fields else message[:300]


def _expected(kind: type[msgspec.Struct], name: str) -> str:
    """Say what a parameter may be, as its type has it."""
    info = cast(msgspec.inspect.StructType, msgspec.inspect.type_info(kind))
    types = [field.type for field in info.fields if field.encode_name == name]
    while types:
        match types.pop():
            case msgspec.inspect.UnionType(types=several):
                types.extend(several)
            case msgspec.inspect.Metadata(type=inner):
                types.append(inner)
            case msgspec.inspect.IntType(ge=lowest, le=highest):
                return f"expected {lowest} to {highest}, as a whole number"
            case msgspec.inspect.LiteralType(values=values):
                return f"expected {' or '.join(sorted(str(value) for value in values))}"
            case msgspec.inspect.BoolType():
                return "expected 1 or 0"
            case msgspec.inspect.DateTimeType():
                return "expected a time with offset, such as 2026-01-31T08:00:00Z"
            case msgspec.inspect.StrType(max_length=most):
                return f"expected at most {most} characters"
    return ""


@cache
def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(kind))

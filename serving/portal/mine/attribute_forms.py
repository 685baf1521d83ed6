"""The forms of 我的信息: which attributes are asked of whom, and what a filled-in form says.

In: what is kept of a person, or the fields of a form. Out: `Field`s for the page, a `Said` for the registry. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from civicrec.clock import PORTAL_TZ
from civicrec.errors import InvalidInput
from profiles.rights.attributes import plainly
from profiles.rules.attributes import Attribute, is_sensitive, load_attributes, plain_value
from serving.portal.form_key import Fields
from serving.portal.mine.faults import FormError

_PERSON = "自然人"
_LARGEST = {"age": 130, "years": 500}
_REGION = re.compile(r"[1-9][0-9]{5}")
_CHILD = 14
_MAX_DAYS = 3_652


@dataclass(frozen=True, slots=True)
class Value:
    """One value as the page shows it."""

    shown: str
    state: str
    is_imported: bool
    purpose: str
    catalogue_id: str
    said_at: datetime
    valid_until: datetime
    ended_at: datetime | None
    sensitive_consent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute on the page.

    Attributes
    ----------
    chosen
        Words that are ticked, or the one text in the field: what was typed, else what is in force.
    until, consents
        What was typed of the other fields.
    """

    attribute: Attribute
    options: Sequence[str]
    sensitive_options: Sequence[str]
    chosen: Sequence[str]
    current: Value | None
    past: Sequence[Value]
    until: str = ""
    consents: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a form says: attribute → value, until when, and whether it consents apart to what is sensitive."""

    values: Mapping[str, Any]
    valid_until: datetime | None
    consents: bool


def fields_of(held: Iterable[Mapping[str, Any]], typed: Fields = ()) -> list[Field]:
    """Return the fields a person is asked: those of a person or of a firm once it is known which, and all they have.

    Parameters
    ----------
    held
        As `profiles.rights.attributes.told` tells them.
    """
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for one in held:
        by_name.setdefault(one["attribute"], []).append(one)
    holders = _holders({name: rows for name, rows in by_name.items() if _in_force(rows)})
    return [
        _field(attribute, by_name.get(name, []), typed)
        for name, attribute in load_attributes().items()
        if attribute.holder in holders or name in by_name
    ]


def said_in(attribute: Attribute, fields: Fields, today: date) -> Said:
    """Return what a form says of one attribute.

    Raises
    ------
    FormError
        If the value or the day is none that can be, or a sensitive value comes without consent.
    """
    given, name = dict(fields), attribute.name
    value = _value(attribute, [text.strip() for field, text in fields if field == "value"])
    consents = given.get("consent") == "yes"
    if name == "age" and value < _CHILD:
        raise FormError(name, "未满十四周岁的个人信息须由监护人同意，本页不保存。")
    if is_sensitive(name, value) and not consents:
        named = plainly([word for word in value if is_sensitive(name, [word])])
        raise FormError(
            f"{name}-consent", f"“{named}”属于敏感个人信息。同意保存的，请勾选单独同意；不同意的，请取消选择。"
        )
    return Said({name: value}, _end_of(given.get("until", ""), name, today), consents)


def _holders(values: Mapping[str, Sequence[Mapping[str, Any]]]) -> set[str]:
    """Return whose attributes are asked for: `either`, and `person` or `firm` once one value says so."""
    if "audience" in values:
        return {"either", "person" if values["audience"][-1]["value"] == _PERSON else "firm"}
    return {"either", *(load_attributes()[name].holder for name in values)}


def _in_force(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((row for row in reversed(rows) if row["state"] == "in_force"), None)


def _field(attribute: Attribute, rows: Sequence[Mapping[str, Any]], typed: Fields) -> Field:
    current, given = _in_force(rows), dict(typed)
    is_typed = given.get("attribute") == attribute.name
    kept = current["value"] if current else []
    chosen = (
        [text for field, text in typed if field == "value"]
        if is_typed
        else kept if isinstance(kept, list) else [str(kept)]
    )  # fmt: skip
    sensitive = [word for word in attribute.options if is_sensitive(attribute.name, [word])]
    return Field(
        attribute, [word for word in attribute.options if word not in sensitive], sensitive, chosen,
        _shown(current) if current else None, [_shown(row) for row in reversed(rows) if row is not current],
        given.get("until", "") if is_typed else "", is_typed and given.get("consent") == "yes",
    )  # fmt: skip


def _shown(row: Mapping[str, Any]) -> Value:
    return Value(
        plainly(row["value"]), row["state"], row["source"] == "imported", row["purpose"], row["catalogue_id"],
        *(datetime.fromisoformat(row[name]) for name in ("said_at", "valid_until")),
        *(datetime.fromisoformat(row[name]) if row[name] else None for name in ("ended_at", "sensitive_consent_at")),
    )  # fmt: skip


def _value(attribute: Attribute, texts: Sequence[str]) -> Any:
    name, text = attribute.name, texts[0] if texts else ""
    match attribute.kind:
        case "set":
            value: Any = list(texts)
        case "choice":
            if not text:
                raise FormError(name, f"请选择{attribute.label}。")
            value = text
        case "number":
            largest = _LARGEST[name]
            if not (text.isascii() and text.isdecimal() and len(text) < 5 and int(text) <= largest):
                raise FormError(name, f"{attribute.label}应为 0 到 {largest} 的整数。")
            value = int(text)
        case "region":
            if not _REGION.fullmatch(text):
                raise FormError(name, "所在地应为六位行政区划代码，如 440106。")
            value = text
    try:
        return plain_value(name, value)
    except InvalidInput:
        raise FormError(name, f"{attribute.label}中有不能识别的选项，请重新选择。") from None


def _end_of(text: str, name: str, today: date) -> datetime | None:
    """Return the end of the day up to which a value is to hold, ``None`` for none given."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise FormError(f"{name}-until", "有效期应为日期，如 2027-06-30。") from None
    if not today < day <= today + timedelta(days=_MAX_DAYS):
        raise FormError(f"{name}-until", "有效期应在明天以后、十年以内。")
    return datetime(day.year, day.month, day.day, tzinfo=PORTAL_TZ) + timedelta(days=1)

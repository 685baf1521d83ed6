"""Conditions that an item states: each a rule, with the sentence of the document it comes from.

In: an item, and what knows the rule language. Out: notes, or one error that names item, clause and fault. The language
and its attributes belong to `profiles.rules`, which stands above; whoever brings items in passes its check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from civicrec.errors import InvalidInput
from civicrec.items import Item

#: Takes a rule as JSON writes it down; raises `InvalidInput` if it is none.
RuleCheck = Callable[[Mapping[str, Any]], object]
_SHOWN = 40


def no_rules(_: Mapping[str, Any]) -> None:
    """Refuse any rule: what knows no language lets nothing pass unread."""
    raise InvalidInput("conditions are not taken on this way into the catalogue; import the item, or PUT it")


def check_conditions(item: Item, check: RuleCheck, note: Callable[[str], None]) -> None:
    """Check every condition of an item, and note a sentence that its text does not hold.

    Raises
    ------
    InvalidInput
        If one is no rule; the message names the item, the clause and its sentence.
    """
    text = "".join(f"{item.title}{item.summary}{item.body_text}".split())
    for number, stated in enumerate(item.conditions):
        where = f"conditions[{number}]（{stated.quote[:_SHOWN]}）"
        try:
            check(stated.rule)
        except InvalidInput as error:
            raise InvalidInput(f"item {item.item_id}: {where}: {error}") from None
        if item.body_text and "".join(stated.quote.split()) not in text:
            note(f"{where}: the sentence does not stand in the text of the item")

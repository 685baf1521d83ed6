"""A list as a piece of HTML, for servers of portals and for pages without scripts; the widget takes it over as it is.

In: a ranked list and the portal's template of addresses. Out: HTML, empty where there is nothing that can be linked to.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote

import jinja2

from civicrec.clock import local_date
from civicrec.items import TYPE_NAMES, Item
from recommender.request import RankedItem, RankedList

_WITH_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|//)")
_LINKED = re.compile(r"(?:https?:)?//", re.IGNORECASE)


def address_of(item: Item, link: str = "") -> str:
    """Return where an item's page is, empty if it has none that a link may lead to.

    Parameters
    ----------
    link
        What holds for items whose own address names no host, or that have none: ``/items/{id}``, also with ``{type}``.
    """
    if _WITH_HOST.match(item.url):
        return item.url if _LINKED.match(item.url) else ""
    if link:
        filled = link.replace("{id}", quote(item.item_id, safe="")).replace("{type}", item.item_type)
        return filled if _LINKED.match(filled) or not _WITH_HOST.match(filled) else ""
    # An address without a host is meant from the root of the portal, wherever the list stands.
    return f"/{item.url.lstrip('/')}" if item.url else ""


def list_html(ranked_list: RankedList, request_id: str, *, slot: str = "", link: str = "") -> str:
    """Return a list as HTML with the marks of docs/tracker.md."""
    entries = [
        {
            "href": href, "title": one.item.title, "type_name": TYPE_NAMES[one.item.item_type],
            "day": local_date(one.item.published_at).isoformat() if one.item.published_at else "",
            "reason": one.reasons[0].text if one.reasons else "",
            "marks": _marks(one, ranked_list, request_id, slot),
        }
        for one in ranked_list.items
        if (href := address_of(one.item, link))
    ]  # fmt: skip
    return _template().render(entries=entries, personal=ranked_list.mode == "personalised") if entries else ""


def _marks(one: RankedItem, ranked_list: RankedList, request_id: str, slot: str) -> dict[str, object]:
    return {
        "item": one.item.item_id, "type": one.item.item_type, "scene": ranked_list.scene, "position": one.position,
        "slot": slot or ranked_list.scene, "request": request_id, "variant": ranked_list.variant,
    }  # fmt: skip


@cache
def _template() -> jinja2.Template:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("serving"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("list.html")

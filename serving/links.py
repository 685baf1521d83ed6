"""Addresses of pages for people, which other pages of ours link to."""

from __future__ import annotations

from urllib.parse import quote


def item_path(item_id: str) -> str:
    """Return the path of an item's page; an id holds no space or control character, the rest is quoted."""
    return f"/portal/items/{quote(item_id, safe='')}"

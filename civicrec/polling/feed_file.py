"""A feed that is polled: a small file ``feeds/<name>.toml`` of the home.

In: the file. Out: a `Feed`, or one line that says what is wrong with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import msgspec

from civicrec.errors import InvalidInput
from civicrec.home import FEEDS
from civicrec.items import ItemType
from civicrec.polling.reach import Reach, is_local
from civicrec.toml_files import read_table

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is polled, and what its entries are.

    Attributes
    ----------
    url
        Of RSS, Atom, a sitemap or an index of sitemaps.
    interval_min
        How often it is polled, minutes.
    item_type
        Of entries whose column `types` does not name.
    types
        Column or category of an entry → type.
    issuer, theme
        Of every entry.
    under
        Of a sitemap: only pages whose path begins so; empty: all.
    pages_a_run
        Of a sitemap: how many pages one poll asks for; the others wait for the next.
    again_days
        Of a sitemap without dates: how many days a page is taken to be as it was.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    interval_min: Annotated[int, msgspec.Meta(ge=1, le=10_080)] = 30
    item_type: ItemType = "news"
    types: dict[str, ItemType] = {}
    issuer: Annotated[str, msgspec.Meta(max_length=200)] = ""
    theme: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    pages_a_run: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    again_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7

    def reach(self, networks: tuple[str, ...]) -> Reach:
        """Return what polling it may reach; `networks` are those that the settings name."""
        return Reach(networks, is_local(self.url))


def feed_files(home: Path) -> dict[str, Path]:
    """Return the files of all feeds by name, in order."""
    return {path.stem: path for path in sorted(FEEDS.of(home).glob("*.toml"))}


def read_feed(path: Path) -> Feed:
    """Read a file.

    Raises
    ------
    InvalidInput
        If it is no feed, or names an address that is never asked.
    """
    if not _NAME.fullmatch(path.stem):
        raise InvalidInput(f"{path}: its name is that of the feed; expected a-z, 0-9, - and _, at most 40, then .toml")
    try:
        feed = msgspec.convert(read_table(path, "a feed"), Feed)
        feed.reach(()).checked(feed.url)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}; expected {', '.join(Feed.__struct_fields__)}") from None
    except InvalidInput as error:
        reason = str(error)
        raise InvalidInput(reason if reason.startswith(str(path)) else f"{path}: url: {reason}") from None
    return feed

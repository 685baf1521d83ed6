"""What callers send, checked: query strings and JSON bodies in, `Caller`s and `ListQuery`s out.

Every refusal is an `InvalidInput` that says what was got and what was expected. Written for the hot path: msgspec for
bodies, plain checks for query strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar, cast

import msgspec

from civicrec.errors import InvalidInput
from civicrec.events import anonymous_actor
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from civicrec.web.origins import origin_of
from civicrec.web.query import whole_number, without_blanks
from recommender.request import Mode
from recommender.scenes.scene import MAX_N
from serving.live import Caller, ListQuery

DEFAULT_SITE, DEFAULT_SCENE = "demo", "home"
#: Ids of `recent` that are used, the newest ones; and of `exclude`.
MAX_RECENT, MAX_EXCLUDE = 50, 1_000
MAX_BLOCKS = 20
_ACTOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
B = TypeVar("B")

Id = Annotated[str, msgspec.Meta(max_length=128)]


class BlockBody(msgspec.Struct, forbid_unknown_fields=True):
    """One list of ``POST /v1/recommendations``."""

    scene: str = ""
    n: int | None = None
    item_id: Id = ""
    exclude: tuple[Id, ...] = ()
    cursor: str = ""
    slot: Annotated[str, msgspec.Meta(max_length=64)] = ""


class PageBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/recommendations``."""

    blocks: Annotated[tuple[BlockBody, ...], msgspec.Meta(min_length=1, max_length=MAX_BLOCKS)]
    site: str = ""
    subject_token: str = ""
    anonymous_id: str = ""
    recent: tuple[Id, ...] = ()
    mode: str = "personalised"
    explain: bool = False


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/feedback``; `consent` is the visitor's."""

    kind: str
    item_id: Id
    site: str = ""
    subject_token: str = ""
    anonymous_id: str = ""
    request_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    scene: Annotated[str, msgspec.Meta(max_length=64)] = ""
    consent: str = ""


def body_of(raw: bytes, kind: type[B]) -> B:
    """Read a JSON body; null and blank text mean that a field is not given.

    Raises
    ------
    InvalidInput
        If it is not JSON or does not have the fields it should; the message names the first one.
    """
    try:
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError:  # only now, because few send them and looking for them costs as much again
            return msgspec.convert(without_blanks(msgspec.json.decode(raw)), kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body cannot be read: {str(error)[:300]}") from None


def site_of(named: str, settings: Settings) -> str:
    """Return the site a request is for: the one it names, else the only one there is, else the demo's."""
    if named:
        return named
    return next(iter(settings.sites)) if len(settings.sites) == 1 else DEFAULT_SITE


def origins_of(settings: Settings, site: str) -> frozenset[str]:
    """Return the origins whose pages may speak for visitors of a site."""
    if not settings.sites:
        return frozenset(map(origin_of, settings.collector.origins))
    known = settings.sites.get(site)
    return frozenset(map(origin_of, known.origins)) if known else frozenset()


def actor_of(token: str, anonymous_id: str, site: str, keys: Keys, now: datetime) -> str:
    """Return the actor a request speaks for: a token's user comes before an anonymous id, which is never a user's.

    Raises
    ------
    Unauthorized
        If there is a token and it is not valid for the site.
    InvalidInput
        If the anonymous id is none.
    """
    if token:
        return keys.subject_of(token, site, now)
    if anonymous_id and not _ACTOR.fullmatch(anonymous_id):
        raise InvalidInput("anonymous_id has other characters than A-Z a-z 0-9 _ -, or more than 64")
    return anonymous_actor(anonymous_id)


def mode_of(named: str) -> Mode:
    """Return the mode; personalised when none is named."""
    if named not in ("", "general", "personalised"):
        raise InvalidInput(f"got mode={named[:50]!r}; expected general or personalised")
    return cast(Mode, named or "personalised")


def length_of(n: int | None) -> int | None:
    """Return the length of a list that a body names, ``None`` for the scene's own."""
    if n is not None and not 1 <= n <= MAX_N:
        raise InvalidInput(f"got n={str(n)[:50]}; expected 1 to {MAX_N}, and next_cursor for more")
    return n


def number_of(text: str, highest: int) -> int | None:
    """Return the number from 1 to `highest` that a query string gives, ``None`` when it gives none."""
    if not text.strip():
        return None
    number = whole_number(text.strip(), 1, highest)
    if number is None:
        raise InvalidInput(f"got n={text[:50]!r}; expected 1 to {highest}, as a whole number")
    return number


def ids_of(text: str, most: int) -> tuple[str, ...]:
    """Return the ids of a comma-separated list, at most `most` of them."""
    return tuple(item_id for item_id in text.split(",") if item_id)[:most] if text else ()


def excluded(item_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids that must not be in a list: all of them, or it is refused."""
    if len(item_ids) > MAX_EXCLUDE:
        raise InvalidInput(f"got more than {MAX_EXCLUDE} ids in exclude; expected fewer, or next_cursor")
    return item_ids


def query_block(query: Mapping[str, str]) -> ListQuery:
    """Return the block that a query string of ``GET /v1/recommendations`` asks for."""
    return ListQuery(
        scene=query.get("scene", "").strip() or DEFAULT_SCENE,
        n=number_of(query.get("n", ""), MAX_N),
        item_id=query.get("item_id", ""),
        exclude=excluded(ids_of(query.get("exclude", ""), MAX_EXCLUDE + 1)),
        cursor=query.get("cursor", "").strip(),
        slot=query.get("slot", "")[:64],
    )


def caller_of(
    parameter: Callable[[str], str], bearer: str, recent: tuple[str, ...], settings: Settings, keys: Keys, now: datetime
) -> Caller:
    """Return who asks.

    Parameters
    ----------
    parameter
        Gives ``site``, ``subject_token``, ``anonymous_id`` and ``mode`` by name.
    bearer
        The token of the header ``Authorization``, which comes before any other; empty if there is none.
    """
    site = site_of(parameter("site").strip(), settings)
    actor = actor_of(bearer or parameter("subject_token").strip(), parameter("anonymous_id").strip(), site, keys, now)
    return Caller(actor, recent[:MAX_RECENT], mode_of(parameter("mode").strip()), site[:64])


def body_block(body: BlockBody) -> ListQuery:
    """Return the block of a page body."""
    scene = body.scene.strip() or DEFAULT_SCENE
    exclude, cursor = excluded(body.exclude), body.cursor.strip()
    return ListQuery(scene, length_of(body.n), body.item_id, exclude, cursor, body.slot)


def is_true(text: str) -> bool:
    """Read a yes-or-no of a query string."""
    return text.lower() in ("1", "true", "yes")

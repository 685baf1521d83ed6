"""What callers send, checked: query strings and JSON bodies in, `Caller`s and `ListQuery`s out.

Every refusal is an `InvalidInput` that says what was got and what was expected. Written for the hot path: msgspec for
bodies, plain checks for query strings.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from civicrec.errors import InvalidInput
from civicrec.events import Consent, anonymous_actor
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from civicrec.web.origins import origin_of
from civicrec.web.query import without_blanks
from recommender.scenes.scene import MAX_N
from serving.live import Caller, ListQuery

DEFAULT_SITE, DEFAULT_SCENE = "demo", "home"
#: Ids of `recent` that are used, the newest ones; and of `exclude`.
MAX_RECENT, MAX_EXCLUDE = 50, 1_000
MAX_BLOCKS = 20
_ACTOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
B = TypeVar("B")


def _text(says: str, most: int | None = None, examples: list[str] | None = None) -> Any:
    return msgspec.Meta(description=says, max_length=most, examples=examples)


Id = Annotated[str, msgspec.Meta(max_length=128)]
SceneName = Annotated[str, _text("where the list stands; home when not given", 64, ["home", "policies"])]
Length = Annotated[
    int, msgspec.Meta(ge=1, le=MAX_N, description="length; the scene's own when not given, next_cursor tells of more")
]
SiteName = Annotated[str, _text("portal id; the only one configured when not given", 64, ["gz"])]
Token = Annotated[str, _text("JWT of a signed-in user; better as Authorization: Bearer, addresses are written to logs")]
AnonymousId = Annotated[
    str, _text("pseudonym of a browser: A-Z a-z 0-9 _ -", 64, ["0b6f1c7e-4a51-4f9a-9f52-77d1f6a0c001"])
]
PageItem = Annotated[str, _text("item of the page the list stands on", 128, ["gd-440100-0001"])]
Cursor = Annotated[str, _text("next_cursor of the page before")]
Slot = Annotated[str, _text("name of the place on the page; the scene when not given", 64, ["sidebar"])]
Link = Annotated[
    str,
    _text("address of an item's page, for items that have none or none with a host; {id} and {type} are filled in", 512,
          ["/items/{id}"]),
]  # fmt: skip
ListMode = Annotated[Literal["personalised", "general"], _text("general reads no profile; personalised when not given")]
SharedDevice = Annotated[
    bool,
    _text("many use the device, as a terminal of a service hall: what was done before signing in is not used"),
]
Explain = Annotated[bool, _text("tells all reasons and each generator's part of the score")]
Debug = Annotated[bool, _text("tells what was altered or dropped and why a list is general; with a site's X-API-Key")]


class ListParameters(msgspec.Struct, forbid_unknown_fields=True):
    """What a query says of one list and of who asks for it."""

    scene: SceneName = ""
    n: Length | None = None
    site: SiteName = ""
    subject_token: Token = ""
    anonymous_id: AnonymousId = ""
    recent: Annotated[
        str, _text("the caller's own history, comma-separated ids, newest first; nothing of it is kept")
    ] = ""
    item_id: PageItem = ""
    exclude: Annotated[str, _text(f"ids that must not be in the list, comma-separated, {MAX_EXCLUDE} at most")] = ""
    mode: ListMode = "personalised"
    shared_device: SharedDevice = False
    cursor: Cursor = ""
    slot: Slot = ""


class ListQueryString(ListParameters, forbid_unknown_fields=True):
    """The query of ``GET /v1/recommendations``."""

    explain: Explain = False
    debug: Debug = False


class FragmentQueryString(ListParameters, forbid_unknown_fields=True):
    """The query of ``GET /v1/recommendations.html``."""

    link: Link = ""


class PageQueryString(msgspec.Struct, forbid_unknown_fields=True):
    """The query of ``POST /v1/recommendations``: all else is in the body."""

    debug: Debug = False


class BlockBody(msgspec.Struct, forbid_unknown_fields=True):
    """One list of ``POST /v1/recommendations``."""

    scene: SceneName = ""
    n: Length | None = None
    item_id: PageItem = ""
    exclude: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_EXCLUDE)] = ()
    cursor: Cursor = ""
    slot: Slot = ""


class PageBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/recommendations``."""

    blocks: Annotated[tuple[BlockBody, ...], msgspec.Meta(min_length=1, max_length=MAX_BLOCKS)]
    site: SiteName = ""
    subject_token: Token = ""
    anonymous_id: AnonymousId = ""
    recent: tuple[Id, ...] = ()
    mode: ListMode = "personalised"
    shared_device: SharedDevice = False
    explain: Explain = False


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/feedback``; `consent` is the visitor's."""

    kind: Literal["dislike", "undislike"]
    item_id: Id
    site: SiteName = ""
    subject_token: Token = ""
    anonymous_id: AnonymousId = ""
    request_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    scene: Annotated[str, msgspec.Meta(max_length=64)] = ""
    consent: Literal["", Consent] = ""


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
    """Return the site a request is for: the one it names, else the only one there is, the demo's if there is none.

    Raises
    ------
    InvalidInput
        If sites are configured and it names none of them, as the collector refuses its events.
    """
    site = named.strip() or own_site(settings)
    if settings.sites and site not in settings.sites:
        got = f"got site {named[:64]!r}" if named.strip() else "got no site, and several are configured"
        raise InvalidInput(f"{got}; expected a configured site id")
    return site


def own_site(settings: Settings) -> str:
    """Return the site of this server's own pages: the only one there is, else the demo's."""
    return next(iter(settings.sites)) if len(settings.sites) == 1 else DEFAULT_SITE


def origins_of(settings: Settings, site: str) -> frozenset[str]:
    """Return the origins whose pages may speak for visitors of a site."""
    if not settings.sites:
        return frozenset(map(origin_of, settings.collector.origins))
    known = settings.sites.get(site)
    return frozenset(map(origin_of, known.origins)) if known else frozenset()


def is_for_minors(site: str, settings: Settings) -> bool:
    """Say whether a portal is for people under 18."""
    known = settings.sites.get(site)
    return known is not None and known.minors


class Identity(NamedTuple):
    """For whom a request speaks: an actor, empty for nobody known, and whether for a minor."""

    actor: str
    is_minor: bool


def identity_of(token: str, anonymous_id: str, site: str, settings: Settings, keys: Keys, now: datetime) -> Identity:
    """Return for whom a request speaks: a token's user comes before an anonymous id, which is never a user's.

    Raises
    ------
    Unauthorized
        If there is a token and it is not valid for the site.
    InvalidInput
        If the anonymous id is none.
    """
    if token:
        holder = keys.holder_of(token, site, now)
        return Identity(holder.subject_id, holder.is_minor or is_for_minors(site, settings))
    return Identity(browser_of(anonymous_id), is_for_minors(site, settings))


def browser_of(anonymous_id: str) -> str:
    """Return the actor of a browser, empty for none.

    Raises
    ------
    InvalidInput
        If the anonymous id is none.
    """
    if anonymous_id and not _ACTOR.fullmatch(anonymous_id):
        raise InvalidInput("anonymous_id has other characters than A-Z a-z 0-9 _ -, or more than 64")
    return anonymous_actor(anonymous_id)


def ids_of(text: str, most: int) -> tuple[str, ...]:
    """Return the ids of a comma-separated list, at most `most` of them."""
    return tuple(item_id for item_id in text.split(",") if item_id)[:most] if text else ()


def excluded(item_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids that must not be in a list: all of them, or it is refused."""
    if len(item_ids) > MAX_EXCLUDE:
        raise InvalidInput(f"got more than {MAX_EXCLUDE} ids in exclude; expected fewer, or next_cursor")
    return item_ids


def query_block(query: ListParameters) -> ListQuery:
    """Return the block that a query string of ``GET /v1/recommendations`` asks for."""
    exclude = excluded(ids_of(query.exclude, MAX_EXCLUDE + 1))
    return ListQuery(
        query.scene.strip() or DEFAULT_SCENE, query.n, query.item_id, exclude, query.cursor.strip(), query.slot
    )


def caller_of(
    said: ListParameters | PageBody, recent: tuple[str, ...], bearer: str, settings: Settings, keys: Keys,
    now: datetime,
) -> Caller:  # fmt: skip
    """Return who asks.

    Parameters
    ----------
    said
        Holds ``site``, ``subject_token``, ``anonymous_id``, ``shared_device`` and ``mode``.
    bearer
        The token of the header ``Authorization``, which comes before any other; empty if there is none.
    """
    site = site_of(said.site, settings)
    token, anonymous_id = bearer or said.subject_token.strip(), said.anonymous_id.strip()
    identity = identity_of(token, anonymous_id, site, settings, keys, now)
    is_shared = said.shared_device or (site in settings.sites and settings.sites[site].shared_devices)
    browser = browser_of(anonymous_id) if token and not is_shared else ""
    mode: ListMode = "general" if identity.is_minor else said.mode
    return Caller(identity.actor, recent[:MAX_RECENT], mode, site, browser=browser)


def body_block(body: BlockBody) -> ListQuery:
    """Return the block of a page body."""
    return ListQuery(
        body.scene.strip() or DEFAULT_SCENE, body.n, body.item_id, body.exclude, body.cursor.strip(), body.slot
    )

"""What is known about actors and crowds right now, and the ports through which it is written, read and taken back.

In: `OnlineUpdate`s from the stream, `TagWeights` from the nightly job. Out: `ActorState`, trends, co-clicks.
Everything kept here can be rebuilt from warehouse and registry, and every key is bounded or expires.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from civicrec.accounting.progress import Commit, CommittedProgress
from civicrec.errors import Unavailable

#: Items remembered per actor: what was read is not offered again, and the visitor is folded in from it.
MAX_RECENT = 500
#: Neighbours remembered per item.
MAX_CO_CLICKED = 100
#: Next items remembered per item: what was clicked right after it.
MAX_NEXT_CLICKED = 50
RECENT_TTL_DAYS = 30
#: Items of an actor that are known to have been seen and for how long: more than models look at, as hashes.
MAX_SEEN = 5_000
SEEN_TTL_DAYS = 90
CO_CLICK_TTL_DAYS = 30
TREND_TTL_HOURS = 72
#: Items remembered of one hour's trend; a flood of junk ids cannot grow it.
MAX_TREND_ITEMS = 5_000
#: How long it is known who has counted in an hour, after its last interaction; later ones of that hour are rare.
COUNTED_TTL_HOURS = 3
#: (actor, item) pairs known of one hour, some 90 bytes each; what goes beyond counts each time.
MAX_COUNTED = 200_000
#: Hours within which `K_ANONYMITY` actors must interact with an item for its trend to be told.
CROWD_HOURS = 36
#: Pairs of one item, and items of all, of which few actors are known yet; beyond that the least known are let go.
MAX_FEW, MAX_FEW_TRENDS = 100, 5_000
#: How long it is known that consent was withdrawn: no event may be older when it comes.
WITHDRAWN_TTL_DAYS = 31
#: Items an actor does not want to see; the latest refusals are kept.
MAX_DISLIKED = 200
DISLIKED_TTL_DAYS = 180
#: Items an actor was shown, the latest, of each the latest times, and for how long that tells anything: what was not
#: shown for so long is new again. More than 128 would take four times the memory, as Redis packs a hash up to there.
MAX_SHOWN, MAX_SHOWINGS = 120, 6
SHOWN_TTL_DAYS = 14
#: Services an actor has done (办结), the latest, and how long that is known: some are done again the next year.
MAX_DONE = 200
DONE_TTL_DAYS = 180
#: Subjects of whom it is known when they were last signed in on a browser, the latest, and for how long after the last
#: event: longer than a session, and than clocks differ.
MAX_SIGNED_IN = 5
SIGNED_IN_TTL_DAYS = 2
#: A nightly job that fails for a week takes the tags away rather than serving stale ones.
TAGS_TTL_DAYS = 7
#: How long it is known which dead letters were recovered; they themselves are removed a moment later.
RECOVERED_TTL_DAYS = 7
#: Two clicks of one actor belong together only within this time.
CO_CLICK_WINDOW_HOURS = 24
#: A click is the next one after another only within this time: later the reader came back for something else.
NEXT_CLICK_WINDOW_MINUTES = 30
#: A co-click of a week ago weighs half of one of today.
CO_CLICK_HALF_LIFE_DAYS = 7.0
#: A click of six hours ago weighs half of one of now in the trend.
TREND_HALF_LIFE_HOURS = 6.0


class OnlineFault(Unavailable):
    """The online store does not answer, or does not take what it is given."""


class Incomplete(OnlineFault):
    """The online store lacks what it should hold; it takes nothing from the stream until it is rebuilt."""

    def __init__(self) -> None:
        super().__init__("the online store is incomplete; the stream rebuilds it, or `civicrec rebuild-online`")


class RecentItem(NamedTuple):
    """An item an actor interacted with, with the time of the latest interaction (epoch ms)."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class OnlineUpdate:
    """What some records of a log add to the online store, applied all at once or not at all.

    Attributes
    ----------
    recent
        actor → items interacted with (any order; the newest time of an item wins). They are seen, too.
    seen
        actor → items interacted with so long ago that they are only known to be seen.
    disliked
        actor → item the actor does not want to see → epoch ms at which that was said; the latest are kept.
    done
        actor → service that was completed → epoch ms; the latest are kept.
    shown
        actor → item → epoch s at which it was shown, any order, each once; the latest are kept.
    signed_in
        actor of a browser → `profiles.online.pseudonyms.digest_of` a subject that was signed in on it, empty where its
        consent lets nothing be kept of it → epoch ms of an event of it; the latest are kept.
    interests
        epoch hour (``at_ms // 3_600_000``) → item → actor → strongest interest shown. The trend of an hour is the sum
        of the strongest interests of its actors, however many batches told of them.
    co_clicks
        item → item → actor → weight added, both directions present; weights are forward-decayed (`profiles.decay`).
        What fewer than `MIN_ORDERING` actors made is kept aside, and told of no item before `K_ANONYMITY` actors stand
        behind the pair.
    next_clicks
        item → item clicked right after it, within `NEXT_CLICK_WINDOW_MINUTES` → actor → weight added; as `co_clicks`.
    restored
        actor → item ids whose refusal is taken back, before those in `disliked` are added.
    withdrawn
        actor → epoch ms at which consent was withdrawn: what was known until then goes, before the rest is added.
    """

    recent: Mapping[str, Sequence[RecentItem]] = field(default_factory=dict)
    seen: Mapping[str, Sequence[RecentItem]] = field(default_factory=dict)
    disliked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    done: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    shown: Mapping[str, Mapping[str, Collection[int]]] = field(default_factory=dict)
    signed_in: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    interests: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    co_clicks: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    next_clicks: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    restored: Mapping[str, Sequence[str]] = field(default_factory=dict)
    withdrawn: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActorState:
    """What serving knows of one actor; all empty for a stranger.

    Attributes
    ----------
    recent
        Newest first, at most `MAX_RECENT`.
    tags
        tag name → weight > 0, from the nightly job.
    disliked
        Item id, never to be shown to this actor → epoch ms at which that was said.
    seen
        `civicrec.items.hash_of` what the actor interacted with, the longest ago first, at most `MAX_SEEN`.
    done
        Service that the actor has completed → epoch ms, the latest first.
    shown
        `civicrec.items.hash_of` what the actor was shown, at most `MAX_SHOWN` → epoch s of the latest `MAX_SHOWINGS`
        times, the latest first.
    signed_in
        Of a browser: `OnlineUpdate.signed_in`, at most `MAX_SIGNED_IN`.
    is_off
        Whether the actor switched personalisation off: then nothing else of this may be used.
    deleted_tags
        Names of tags the actor deleted: what was read gives none of them, whatever it says.
    """

    recent: tuple[RecentItem, ...] = ()
    tags: Mapping[str, float] = field(default_factory=dict)
    disliked: Mapping[str, int] = field(default_factory=dict)
    seen: tuple[int, ...] = ()
    done: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    signed_in: Mapping[str, int] = field(default_factory=dict)
    is_off: bool = False
    deleted_tags: frozenset[str] = frozenset()


class Visit(NamedTuple):
    """What is known of a subject and of its browser, and when the subject withdrew consent (epoch ms, or 0)."""

    subject: ActorState
    browser: ActorState
    withdrawn_ms: int


class Pairs(NamedTuple):
    """Item → (other item, weight), heaviest first; an item without any is absent."""

    co_clicks: Mapping[str, Sequence[tuple[str, float]]]
    next_clicks: Mapping[str, Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a writer needs to know of actors before it adds to them; who is not there is not known.

    Attributes
    ----------
    recent
        actor → recent items, newest first.
    withdrawn
        actor → epoch ms at which consent was withdrawn.
    """

    recent: Mapping[str, Sequence[RecentItem]]
    withdrawn: Mapping[str, int]


class OnlineReader(Protocol):
    """What a list reads of the online store, from an event loop that nothing here blocks.

    Its methods say what those of `OnlineRights` and `CrowdReader` say. Every method of every port here raises
    `OnlineFault` or another `Unavailable` when the store cannot be reached in time.
    """

    async def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor, in one round trip."""
        ...

    async def visit(self, subject: str, browser: str) -> Visit:
        """Return all that is known of a subject and of the actor of its browser, in one round trip."""
        ...

    async def pairs(self, clicked: Sequence[str], last: Sequence[str] = (), n: int = MAX_CO_CLICKED) -> Pairs:
        """Return co-clicks of the items `clicked` and next clicks of those clicked `last`, in one round trip."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class CrowdReader(Protocol):
    """What many did, told of no single one."""

    def trends(self, hours: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return hour → item → weight for the hours asked that have any."""
        ...

    def crowded(self, since_hour: int) -> frozenset[str]:
        """Return the items `K_ANONYMITY` actors interacted with within `CROWD_HOURS`, seen since that epoch hour."""
        ...

    def co_clicks(self, item_ids: Sequence[str], n: int = MAX_CO_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (neighbour, weight), heaviest first; items without any are absent.

        The weight of a pair that fewer than `K_ANONYMITY` actors made is below 0: it may order, and is told to nobody.
        """
        ...

    def next_clicks(self, item_ids: Sequence[str], n: int = MAX_NEXT_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (next item, weight), heaviest first, signs as of `co_clicks`; none are absent."""
        ...


class OnlineWriter(Protocol):
    """The stream's side: what records of a log lead to, and how far each log is done."""

    def apply(self, commit: Commit, update: OnlineUpdate, *, only_complete: bool = False) -> bool:
        """Apply the update, move the committed offset of the partition and count the events, all at once or nothing.

        Nothing is done, and False returned, if more than ``commit.first`` is committed, or if the offsets of the log's
        other divisions are not ``commit.other_partitions``: a part of these records may be done.

        Raises
        ------
        Incomplete
            If `only_complete` is said and the store is incomplete: what it knows of the records before is gone.
        """
        ...

    def progress(self, log: str) -> CommittedProgress:
        """Return what is done of a log."""
        ...

    def done(self) -> dict[str, CommittedProgress]:
        """Return what is done of every log."""
        ...

    def recover(self, log: str, dead_letter: tuple[int, int], reason: str, n_events: int) -> None:
        """Count the events of one dead letter (offset and piece) as stored; again for the same changes nothing."""
        ...

    def known_of(self, actors: Sequence[str], others: Sequence[str] = ()) -> Known:
        """Return what is known of these actors, and when `others` withdrew consent, in one round trip."""
        ...


class OnlineUpkeep(Protocol):
    """Whether the store holds all it should, and what is put into it as a whole."""

    def is_complete(self) -> bool:
        """Tell whether all is here that should be: not in a new, wiped or cleared store, nor before a rebuild's end."""
        ...

    def set_complete(self, complete: bool) -> None:
        """Say whether all is here that should be; after False the stream rebuilds the store."""
        ...

    def rewrite(self) -> None:
        """Write the store's own files anew: what was removed stands in none of them then."""
        ...

    def clear(self) -> None:
        """Remove all this store holds, progress included, to be filled again.

        Which dead letters were recovered stays known, whoever puts the counts back has counted them; and so does who
        switched personalisation off.
        """
        ...

    def put_tags(self, run: str, tags: Iterable[tuple[str, Mapping[str, float]]]) -> int:
        """Replace the tags of each actor given; return how many. Tags of actors not given expire by TTL.

        A weight of 0 says that the actor deleted the tag.
        """
        ...

    def put_switched_off(self, actors: Collection[str]) -> None:
        """Replace those who switched personalisation off; neither `clear` nor a bound removes any."""
        ...


class OnlineRights(Protocol):
    """What one person may see, say and take back, acting at once; the log's event of it comes later and adds nothing.

    Said twice, nothing changes. Times are those of the event, epoch ms, in whichever way it comes.
    """

    def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor, in one round trip."""
        ...

    def dislike(self, actor: str, item_id: str, at_ms: int) -> None:
        """Never show this item to the actor again; of more than `MAX_DISLIKED` the latest are kept."""
        ...

    def undislike(self, actor: str, item_id: str) -> None:
        """Take a dislike back."""
        ...

    def withdraw(self, actor: str, at_ms: int) -> None:
        """Remove what was known until consent was withdrawn; what is older and comes late is not added any more.

        Which tags the actor deleted stays known: that was said against being known.
        """
        ...

    def switch(self, actor: str, *, on: bool) -> None:
        """Note that the actor switched personalisation on or off."""
        ...

    def set_tag(self, actor: str, tag: str, weight: float) -> None:
        """Give the actor a tag, or note with a weight of 0 that it is deleted; the others stay."""
        ...

    def holds(self, actor: str) -> int:
        """Return how many keys name this actor."""
        ...

    def forget(self, actor: str) -> int:
        """Remove every key that names this actor; return how many there were.

        The actor's short hash goes from where few are counted, too; what many made stays. What the log holds of the
        actor and the stream has not delivered yet would bring some back: an erasure refuses that.
        """
        ...


class DecidedStore(OnlineUpkeep, OnlineRights, Protocol):
    """What is filled as a whole while people decide."""


class RebuildableStore(OnlineWriter, DecidedStore, Protocol):
    """What the stream writes to and fills again."""


class ServedStore(CrowdReader, OnlineRights, Protocol):
    """What lists and feedback need of the store in threads."""

"""The state of a serving process, and the one way lists are made in it: the API and the portal pages both use it.

In: settings and an online store. Out: `RankedList`s; a background thread keeps all that they are made from current.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from secrets import token_hex
from typing import Literal

from civicrec.clock import Clock, local_date, monotonic_s, to_ms, utc_now
from civicrec.events import is_subject
from civicrec.items import Item
from civicrec.logs import get_logger
from civicrec.registry.ledger import Ledger
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings
from profiles.online.ports import ActorState, OnlineReader, Pairs, ServedStore
from profiles.session import joined
from recommender.artifacts import Models
from recommender.candidates.next_click import MAX_NEXT_CLICK_SEEDS
from recommender.catalogue import Catalogue
from recommender.cursor import decode_cursor
from recommender.holdout import HoldOut
from recommender.recommend import reader_of, recommend_page, seed_ids
from recommender.request import Mode, RankedList, Request
from recommender.scenes.files import SceneFiles
from recommender.scenes.scene import Scene, scene_named
from recommender.signals import Signals
from serving.budget import Failure, StoreBudget
from serving.kept import Kept
from serving.shadow import Shadowed
from serving.snapshot import Snapshot, SnapshotKeeper

#: Pairs of either kind read for each item of the history.
N_PAIRS = 20
#: How long a page for everybody is answered again: trends are looked at as often, so it is as new as they are.
_KEPT_MS = 1_000
#: What lists may lack: a read of the store that was late or failed, or trends of now.
Lack = Failure | Literal["trends", ""]
#: How often scenes, models and trends are looked at; the catalogue's version as the settings say.
_LOOK_S = 1.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for lists, as far as it may be known.

    Attributes
    ----------
    actor
        Subject id or anonymous id; empty for a stranger.
    recent
        The caller's own history, newest first.
    site
        The portal on whose page the lists stand.
    lacks_consent
        Whether they get general lists because the site requires the consent ledger, and it has none of theirs.
    browser
        The actor of the browser from which a signed-in caller asks, whose current session counts, too; empty if none is
        named, or others use it as well.
    """

    actor: str = ""
    recent: tuple[str, ...] = ()
    mode: Mode = "personalised"
    site: str = ""
    lacks_consent: bool = False
    browser: str = ""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One list of a page; of the scene's own length when `n` is not given, each under a number of its own."""

    scene: str
    n: int | None = None
    item_id: str = ""
    exclude: tuple[str, ...] = ()
    cursor: str = ""
    slot: str = ""
    request_id: str = field(default_factory=lambda: token_hex(16))

    @property
    def question(self) -> tuple[object, ...]:
        """What is asked for, which two requests may have in common."""
        return self.scene, self.n, self.item_id, self.exclude, self.cursor

    @property
    def draw(self) -> float:
        """A number from 0 to 1 that anybody can work out again from the request id."""
        return int(self.request_id[8:16], 16) / 2**32

    @property
    def coins(self) -> int:
        """As many bits as interleaving takes, drawn by other digits of the request id."""
        return int(self.request_id[16:24], 16)

    def is_shadowed(self, scene: Scene) -> bool:
        """Say whether the scene's shadow is tried on this request, by the last digits of its id."""
        return scene.shadow is not None and int(self.request_id[24:], 16) / 2**32 < scene.shadow.share


@dataclass(frozen=True, slots=True)
class Page:
    """The lists of one page, in the order of its blocks, and what is to be tried in the shadow of each.

    `degraded_by` says what of the online store they lack: ``late`` or ``away`` is what is known of the visitor.
    `is_off` for a visitor who switched personalisation off. `encoded` keeps items of its lists as JSON, of a page that
    is answered again, and is ``None`` of any other.
    """

    lists: tuple[RankedList, ...]
    snapshot: Snapshot
    shadows: tuple[Shadowed | None, ...]
    degraded_by: Lack = ""
    is_off: bool = False
    encoded: dict[Hashable, bytes] | None = field(default=None, compare=False, repr=False)

    @property
    def is_degraded(self) -> bool:
        """Whether they lack anything of the online store."""
        return bool(self.degraded_by)


@dataclass(frozen=True, slots=True)
class _Read:
    """What the online store answered."""

    profile: ActorState = ActorState()
    pairs: Pairs = Pairs({}, {})


class Live:
    """Everything routes and pages need, in ``request.app.state.live``.

    Attributes
    ----------
    settings : Settings
    reader : OnlineReader
        What lists are read from, within the time `budget` allows.
    store : ServedStore
        The same store for threads: trends are read from it, and what a visitor says acts in it.
    keys : Keys
        Checks subject tokens.
    catalogue : Catalogue
        The current snapshot: ``live.catalogue.items`` is item id → `Item`, of any status.
    scenes : Mapping
        The scenes in force, by name.
    models : Models or None
        The models in force, ``None`` before the first nightly run.
    snapshot : Snapshot
        Catalogue, models and trends that belong together.

    Methods
    -------
    page(caller, blocks, explain) -> Page
        Several lists in which no item stands twice; one read of the store.
    may_use(actor, site) -> bool
        Whether consent allows it, where a site requires the ledger.
    cursor_key : bytes
        Signs cursors.
    """

    def __init__(
        self,
        settings: Settings,
        store: ServedStore,
        reader: OnlineReader,
        clock: Clock = utc_now,
        faults: Callable[[str], None] = lambda _: None,
        store_failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.reader = reader
        self.clock = clock
        self.keys: Keys = load_keys(settings)
        self.ledger = Ledger(settings)
        self.cursor_key = hmac.new(self.keys.pepper, b"cursor", hashlib.sha256).digest()
        self.budget = StoreBudget(settings.serving.store_timeout_ms / 1000, failed=store_failed)
        self._holdout = HoldOut(settings.serving.holdout_share, settings.serving.holdout_salt)
        self._kept: Kept[Hashable, Page] = Kept(_KEPT_MS)
        self._faults = faults
        self._keeper = SnapshotKeeper(settings, store, faults)
        self._scene_files = SceneFiles(settings.scenes_path)
        self._report(self._scene_files.problems)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Catalogue, models and trends in force."""
        return self._keeper.current

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue in force."""
        return self.snapshot.catalogue

    @property
    def scenes(self) -> Mapping[str, Scene]:
        """The scenes in force, by name."""
        return self._scene_files.scenes

    @property
    def models(self) -> Models | None:
        """The models in force."""
        return self.snapshot.models.models if self.snapshot.models else None

    @property
    def is_ready(self) -> bool:
        """Whether the catalogue has been read once."""
        return self._keeper.has_catalogue

    def has_news(self) -> bool:
        """Say whether the catalogue or the editors' rules may have changed since this was asked before."""
        return self._keeper.has_news()

    def catch_up(self) -> None:
        """Take in what changed of them."""
        self._keeper.catch_up()

    def item_with_text(self, item: Item) -> Item:
        """Return an item with its text, which the catalogue in memory does without."""
        return self._keeper.item_with_text(item)

    def was_online(self, item_id: str) -> bool:
        """Say whether a withdrawn item had been online."""
        return self._keeper.was_online(item_id)

    def problems(self) -> list[str]:
        """Say what is wrong with what lists are made from, one sentence each."""
        return [*self._keeper.problems(), *self._scene_files.problems]

    def start(self) -> None:
        """Read everything once, then keep it current in the background."""
        self.refresh()
        self._thread = threading.Thread(target=self._keep_current, name="refresh", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(10)
        self._keeper.close()
        self.ledger.close()

    def refresh(self) -> None:
        """Look for changes of scenes, catalogue, models and trends now."""
        self._refresh_scenes()
        self._keeper.refresh_catalogue()
        self._keeper.refresh_trends(self.clock())

    async def may_use(self, actor: str, site: str) -> bool:
        """Say whether what is known of an actor may be used.

        Of a signed-in user of a site that requires the ledger, only with consent in it; not, while that cannot be read.
        """
        if site not in self.ledger.sites or not is_subject(actor):
            return True
        has_agreed = (await self.ledger.agreed([actor])).get(actor)
        if has_agreed is None:
            self._faults("consents")
        return bool(has_agreed)

    async def page(self, caller: Caller, blocks: Sequence[ListQuery], *, explain: bool = False) -> Page:
        """Return the lists of a page, their items with features if they are to be explained.

        Raises
        ------
        InvalidInput
            If a scene is unknown or a cursor is not one of ours.
        """
        question = self._question(caller, blocks, explain)
        made_from = self._made_from() if question else ()
        if question and (kept := self._kept.get(question, made_from, self.clock())):
            return kept
        requests, ask = self._plan(caller, blocks, explain)
        read = await self.budget.read(ask) if ask else _Read()
        if read is None and is_subject(caller.actor):
            # Nobody can say now whether they switched personalisation off, so their own history is not used either.
            requests = _obeying(requests, ActorState(is_off=True))
        are_shadowed = [block.is_shadowed(scene_named(block.scene, self.scenes)) for block in blocks]
        page = self._page(caller.actor, requests, read, are_shadowed)
        if question and not page.is_degraded and page.snapshot is made_from[0]:
            page = replace(page, encoded={})
            self._kept.put(question, made_from, self.clock(), page)
        return page

    def _question(self, caller: Caller, blocks: Sequence[ListQuery], explain: bool) -> Hashable:
        """Return what is asked of a page that is the same for everybody who asks it, ``None`` of any other."""
        if caller.mode != "general" and (caller.actor or caller.recent):
            return None
        scenes = [scene_named(block.scene, self.scenes) for block in blocks]
        if any(scene.experiment or scene.shadow for scene in scenes):  # in a trial each request counts by itself
            return None
        return caller.mode, explain, *(block.question for block in blocks)

    def _made_from(self) -> tuple[object, ...]:
        """Return what a page for everybody is made from: one of the objects is another when anything changed."""
        snapshot = self.snapshot
        return snapshot, *snapshot.periods(self.clock()), self.scenes, self._keeper.is_standing_still

    def _plan(
        self, caller: Caller, blocks: Sequence[ListQuery], explain: bool
    ) -> tuple[list[Request], Callable[[], Awaitable[_Read]] | None]:
        requests = [self._request(caller, block, explain) for block in blocks]
        reads_profile = bool(caller.actor) and any(request.is_personal for request in requests)
        catalogue, now = self.catalogue, self.clock()
        has_seeds = any(
            request.item_id in catalogue.rows or (request.is_personal and request.recent) for request in requests
        )
        if not (reads_profile or has_seeds):
            return requests, None

        async def ask() -> _Read:
            profile = await self._profile(caller, now) if reads_profile else ActorState()
            allowed = self._holdout.answered(_obeying(requests, profile), caller.actor)
            readers = {reader_of(request): request for request in allowed}
            seeds = [seed_ids(request, profile, catalogue, now) for request in readers.values()]
            clicked = list(dict.fromkeys(chain.from_iterable(seeds)))
            last = list(dict.fromkeys(chain.from_iterable(ids[:MAX_NEXT_CLICK_SEEDS] for ids in seeds)))
            pairs = await self.reader.pairs(clicked, last, N_PAIRS) if clicked else Pairs({}, {})
            return _Read(profile, pairs)

        return requests, ask

    async def _profile(self, caller: Caller, now: datetime) -> ActorState:
        """Return what is known of the caller, of its current session too if it has signed in."""
        if not caller.browser:
            return await self.reader.actor(caller.actor)
        return joined(caller.actor, await self.reader.visit(caller.actor, caller.browser), to_ms(now))

    def _request(self, caller: Caller, block: ListQuery, explain: bool) -> Request:
        scene = scene_named(block.scene, self.scenes)
        cursor = decode_cursor(block.cursor, self.cursor_key, scene.name) if block.cursor else None
        n = scene.default_n if block.n is None else block.n
        variant, share = "", 0.0
        if scene.experiment is not None and caller.mode == "personalised":
            variant, share = scene.experiment.assigned(caller.actor, local_date(self.clock()))
        coins = block.coins if variant and scene.experiment and scene.experiment.interleaved else None
        return Request(
            scene, n, caller.mode, caller.recent, block.item_id, frozenset(block.exclude), cursor, variant, explain,
            block.draw, share if coins is None else 0.0, coins,
        )  # fmt: skip

    def _page(
        self, actor: str, requests: Sequence[Request], read: _Read | None, are_shadowed: Sequence[bool]
    ) -> Page:  # fmt: skip
        snapshot, now = self.snapshot, self.clock()
        known = read or _Read()
        is_off = known.profile.is_off
        if is_off:
            requests, known = _obeying(requests, known.profile), _Read(pairs=known.pairs)
        may_be, requests = requests, self._holdout.answered(requests, actor, known.profile.disliked)
        signals = Signals(
            snapshot.models, snapshot.trends, known.pairs.co_clicks, known.pairs.next_clicks, snapshot.editorial
        )  # fmt: skip
        made = recommend_page(requests, known.profile, snapshot.catalogue, signals, now)
        lists = self._holdout.marked(made, may_be, actor)
        degraded_by: Lack = "trends" if self._keeper.is_standing_still else ""
        if read is None:
            degraded_by = self.budget.failure or "late"  # answered again meanwhile
        shadows: list[Shadowed | None] = [None] * len(lists)
        for nth, request in enumerate(requests):
            if are_shadowed[nth] and request.scene.shadow and not degraded_by:
                shown = (ranked.item.item_id for before in lists[:nth] for ranked in before.items)
                asked = replace(request, exclude=request.exclude.union(shown))
                shadows[nth] = Shadowed(request.scene.shadow, asked, known.profile, snapshot.catalogue, signals, now)
        return Page(tuple(lists), snapshot, tuple(shadows), degraded_by, is_off)

    def _refresh_scenes(self) -> None:
        before = self.scenes
        self._report(self._scene_files.refresh())
        if self.scenes is not before:
            _log.info("scenes_loaded", scenes=list(self.scenes))

    def _report(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self._faults("scenes")
            _log.error("scene_not_loaded", error=problem)

    def _keep_current(self) -> None:
        next_s = monotonic_s() + _LOOK_S
        while not self._stop.wait(min(self.settings.serving.catalogue_poll_s, _LOOK_S)):
            is_due = monotonic_s() >= next_s
            if is_due or self._keeper.is_behind():
                self._keeper.refresh_catalogue()
            if is_due:
                self._refresh_scenes()
                self._keeper.refresh_trends(self.clock())
                next_s = monotonic_s() + _LOOK_S


def _obeying(requests: Sequence[Request], profile: ActorState) -> list[Request]:
    """Return the requests as whom they are for allows: general ones for who switched personalisation off."""
    if not profile.is_off:
        return list(requests)
    return [
        replace(request, mode="general", recent=(), variant="", variant_share=0.0, coins=None) for request in requests
    ]

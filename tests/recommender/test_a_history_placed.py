"""What a reader interacted with, as rows: the newest first, each once, nothing that is not in force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from civicrec.items import hash_of
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.recommend import history_of, seed_ids, seen_before
from recommender.request import Request
from tests.recommender.worlds import NOW, SCENES, an_item

_KNOWN = [f"i{n}" for n in range(9)]
_GONE = {"i7", "i8"}
CATALOGUE = Catalogue.of(an_item(name, status="withdrawn" if name in _GONE else "online") for name in _KNOWN)
IDS = st.lists(st.sampled_from([*_KNOWN, "never"]), unique=True, max_size=10)


@given(IDS, IDS, st.sampled_from(["", "i0", "i7", "never"]))
def test_seeds_are_the_first_of_the_history_and_what_is_older_was_only_seen(
    named: list[str], stored: list[str], page_item: str
) -> None:
    recent = tuple(RecentItem(name, 1_000 - place) for place, name in enumerate(stored))
    older = [name for name in reversed(_KNOWN) if name not in stored]
    seen = tuple(hash_of(name) for name in ("never", *reversed(older), *reversed(stored)))
    request = Request(SCENES["home"], 5, recent=tuple(named), item_id=page_item)
    profile = ActorState(recent=recent, seen=seen)
    history = history_of(request, profile, CATALOGUE, NOW)
    names = [CATALOGUE.item_ids[row] for row in history]
    assert names == [name for name in dict.fromkeys([*named, *stored]) if name in _KNOWN and name not in _GONE]
    page = [page_item] if page_item in CATALOGUE.rows else []
    assert seed_ids(request, profile, CATALOGUE, NOW) == list(dict.fromkeys([*page, *names[:5]]))[:5]
    before = [CATALOGUE.item_ids[row] for row in seen_before(request, profile, CATALOGUE, history)]
    assert before == [name for name in (*stored, *older) if name in _KNOWN and name not in names]

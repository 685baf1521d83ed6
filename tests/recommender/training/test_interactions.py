from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.training.holdout import hold_out, recall
from recommender.training.interactions import interactions_from, interactions_of
from tests.recommender.training.blocks import table_of

PAIRS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1, max_size=40)


@given(PAIRS)
def test_every_pair_stands_in_the_matrix_once(pairs: list[tuple[str, str]]) -> None:
    data, unknown = interactions_from(table_of(pairs, weight=2.0))
    actors = sorted({actor for actor, _ in pairs})
    dense = data.user_items().toarray()
    assert unknown == 0
    assert dense.shape == (len(actors), len({item for _, item in pairs}))
    found = {(actors[u], data.item_ids[i]) for u, i in zip(*dense.nonzero(), strict=True)}
    assert found == set(pairs)
    assert set(dense[dense > 0]) == {2.0}


def test_items_outside_the_catalogue_are_left_out_and_counted() -> None:
    data, unknown = interactions_from(table_of([("a", "x"), ("a", "gone"), ("b", "gone")]), {"x", "never-seen"})
    assert (data.item_ids, data.n_users, unknown) == (("x",), 1, 1)


def test_no_rows_make_an_empty_matrix() -> None:
    data, _ = interactions_from(table_of([]))
    assert data.user_items().shape == (0, 0)


def test_the_fingerprint_tells_any_change() -> None:
    one = interactions_from(table_of([("a", "x"), ("b", "y")]))[0]
    assert one.fingerprint() == interactions_from(table_of([("b", "y"), ("a", "x")]))[0].fingerprint()
    for other in (table_of([("a", "x"), ("b", "z")]), table_of([("a", "x"), ("b", "y")], 2.0), table_of([("a", "x")])):
        assert one.fingerprint() != interactions_from(other)[0].fingerprint()


@given(PAIRS)
def test_the_newest_item_of_a_user_with_two_is_hidden_and_nothing_else(pairs: list[tuple[str, str]]) -> None:
    data, _ = interactions_from(table_of(pairs))
    held = hold_out(data, seed=1)
    hidden = {tuple(pair) for pair in np.concatenate([held.choose, held.report]).tolist()}
    kept = set(zip(held.train.users.tolist(), held.train.items.tolist(), strict=True))
    everything = set(zip(data.users.tolist(), data.items.tolist(), strict=True))
    assert kept | hidden == everything
    assert not kept & hidden
    assert not {user for user, _ in held.choose.tolist()} & {user for user, _ in held.report.tolist()}
    for user in range(data.n_users):
        own = np.flatnonzero(data.users == user)
        newest = (user, int(data.items[own[np.argmax(data.last_ms[own])]]))
        assert (newest in hidden) == (len(own) >= 2)


def test_of_long_histories_that_choose_a_tenth_is_hidden_and_of_others_the_newest() -> None:
    sizes = {f"u{n}": size for n, size in enumerate([2, 9, 19, 20, 45, 150] * 4)}
    pairs = {(user, f"i{k:03}"): (1.0, k) for user, size in sizes.items() for k in range(size)}
    data = interactions_of(pairs)
    held = hold_out(data, seed=3)
    names = sorted(sizes)
    choosing: dict[str, list[int]] = {}
    for user, item in held.choose.tolist():
        choosing.setdefault(names[user], []).append(item)
    assert len(choosing) == held.n_choosing == 12
    for user, items in choosing.items():
        assert len(set(items)) == len(items) == max(1, min(10, sizes[user] // 10))
        assert len(items) > 1 or items == [sizes[user] - 1]
    assert any(max(items) - min(items) > 15 for items in choosing.values())  # from all of a history
    assert [item for _, item in held.report.tolist()] == [sizes[names[user]] - 1 for user, _ in held.report.tolist()]


def test_recall_counts_the_hidden_item_among_the_first_k_unseen() -> None:
    data, _ = interactions_from(table_of([("a", "x"), ("b", "y")]))
    matrix = interactions_from(table_of([("a", "x"), ("b", "y"), ("c", "z"), ("c", "w")]))[0].user_items()
    assert data.n_users == 2
    # Columns are w x y z; user a has seen x, user b y; z is hidden for both and ranks behind w and behind y for a.
    scores = np.array([[9.0, 8.0, 7.0, 6.0]])
    hidden = np.array([[0, 3], [1, 3]], np.int32)
    assert recall(matrix, hidden, lambda h: np.repeat(scores, h.shape[0], 0), k=2) == 0.0
    assert recall(matrix, hidden, lambda h: np.repeat(scores, h.shape[0], 0), k=3) == 1.0


def test_constant_scores_hit_nothing() -> None:
    matrix = interactions_from(table_of([("a", "x"), ("b", "y"), ("c", "z"), ("c", "w")]))[0].user_items()
    assert recall(matrix, np.array([[0, 3]], np.int32), lambda h: np.zeros(h.shape), k=2) == 0.0

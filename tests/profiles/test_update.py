from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.update import weigh_tags

TAGS = {"i1": ("theme:a", "theme:b"), "i2": ("theme:b", "theme:b"), "i3": (), "i4": ("theme:secret", "theme:a")}
ALLOWED = frozenset({"theme:a", "theme:b"})
INTERESTS = st.dictionaries(
    st.tuples(st.sampled_from(["u1", "u2", "u3"]), st.sampled_from(["i1", "i2", "i3", "i4", "not-in-catalogue"])),
    st.tuples(st.floats(0.001, 5.0), st.integers(0, 10**12)),
)


def table(interests: dict[tuple[str, str], tuple[float, int]]) -> pa.Table:
    ordered = sorted(interests.items())
    return pa.table({
        "actor": pa.array([actor for (actor, _), _ in ordered], pa.string()),
        "item_id": pa.array([item for (_, item), _ in ordered], pa.string()),
        "decayed": pa.array([weight for _, (weight, _) in ordered], pa.float64()),
        "last_ms": pa.array([at for _, (_, at) in ordered], pa.int64()),
    })  # fmt: skip


@given(INTERESTS, st.sets(st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(sorted(ALLOWED)))))
def test_tag_weights_equal_a_plain_loop(
    interests: dict[tuple[str, str], tuple[float, int]], suppressed: set[tuple[str, str]]
) -> None:
    expected: dict[tuple[str, str], tuple[float, int, int]] = {}
    for (actor, item), (weight, at) in sorted(interests.items()):
        for tag in set(TAGS.get(item, ())) & ALLOWED:
            if (actor, tag) not in suppressed:
                total, evidence, last = expected.get((actor, tag), (0.0, 0, 0))
                expected[actor, tag] = (total + weight, evidence + 1, max(last, at))
    made = weigh_tags(table(interests), TAGS, allowed=ALLOWED, suppressed=suppressed)
    rows = zip(
        made.actors, made.tags, made.weights.tolist(), made.evidence.tolist(), made.last_ms.tolist(), strict=True
    )
    found = {(actor, tag): tuple(facts) for actor, tag, *facts in rows}
    assert list(found) == sorted(expected)
    for key, (weight, evidence, last) in expected.items():
        assert found[key] == (pytest.approx(weight), evidence, last)
    by_actor = dict(made.by_actor())
    assert {(actor, tag) for actor, tags in by_actor.items() for tag in tags} == set(expected)


def test_columns_that_come_as_dictionaries_in_chunks_give_the_same() -> None:
    plain = table({("u1", "i1"): (1.0, 5), ("u2", "i1"): (2.0, 6), ("u2", "i2"): (0.5, 7)})
    coded = pa.concat_tables([plain.slice(0, 2), plain.slice(2)])
    for name in ("actor", "item_id"):
        coded = coded.set_column(coded.schema.get_field_index(name), name, coded.column(name).dictionary_encode())
    assert dict(weigh_tags(coded, TAGS, allowed=ALLOWED).by_actor()) == {
        "u1": {"theme:a": 1.0, "theme:b": 1.0},
        "u2": {"theme:a": 2.0, "theme:b": 2.5},
    }

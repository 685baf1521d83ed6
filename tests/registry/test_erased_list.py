"""The list of erased people in a file: nothing is lost, the stricter holds, and it names nobody. On both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.errors import InvalidInput, Unavailable
from civicrec.registry.choices import choose_tag, switch
from civicrec.registry.erased_list import ErasedName, people_kept, read_list, read_names, refuse_again, write_list
from civicrec.registry.erasures import erasures_version, finish_erasure, readmit, refused_until
from civicrec.registry.tables import open_registry
from tests.registry.test_erasures import ME, NOW, ask

LATER = NOW + timedelta(days=1)


def test_a_registry_from_before_refuses_again_what_the_file_tells(
    registry: Engine, tmp_path: Path, new_address
) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "elsewhere.jsonl"
    number = ask(registry).number
    finish_erasure(registry, number, "signed", NOW)
    readmit(registry, f"person:{ME.subject_id[:4]}", "d1", by="subject", now=LATER)
    assert write_list(registry, path) == 2
    assert path.stat().st_mode & 0o077 == 0
    before = open_registry(new_address())
    version = erasures_version(before)
    assert refuse_again(before, list(read_list(path))) == 2
    assert refused_until(before) == refused_until(registry) == {"d1": LATER, "d2": None}
    assert erasures_version(before) > version
    version = erasures_version(before)
    assert (refuse_again(before, list(read_list(path))), erasures_version(before)) == (0, version)
    assert read_names(before) == list(read_list(path))
    before.dispose()


def test_what_only_the_file_tells_stays_in_it(registry: Engine, tmp_path: Path, new_address) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "elsewhere.jsonl"
    ask(registry)
    write_list(registry, path)
    before = open_registry(new_address())
    assert write_list(before, path) == 2
    assert [one.digest for one in read_list(path)] == ["d1", "d2"]
    before.dispose()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 3)), max_size=8))
def test_of_what_two_lists_tell_the_stricter_holds_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, int | None]]
) -> None:
    names = [ErasedName(name, NOW, None if at is None else NOW + timedelta(days=at)) for name, at in told]
    found = []
    for order in (names, names[::-1]):
        engine = open_registry(f"sqlite:///{tmp_path_factory.mktemp('r')}/registry.sqlite")
        for one in order:
            refuse_again(engine, [one])
        found.append(refused_until(engine))
        engine.dispose()
    assert found[0] == found[1]
    for name in {one.digest for one in names}:
        until = [one.until for one in names if one.digest == name]
        assert found[0][name] == (None if None in until else min(filter(None, until)))


def test_a_file_that_is_something_else_is_refused(registry: Engine, tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"digest": 5}\n')
    with pytest.raises(InvalidInput, match=r"list.jsonl, line 1: .*keep-erased"):
        list(read_list(path))
    with pytest.raises(Unavailable, match="cannot be read"):
        list(read_list(tmp_path / "none"))
    with pytest.raises(Unavailable, match="cannot be kept"):
        write_list(registry, tmp_path / "no" / "folder" / "list")


def test_of_everybody_the_registry_keeps_the_oldest_time_is_told(registry: Engine) -> None:
    choose_tag(registry, "a", "theme:就业创业", LATER)
    switch(registry, "a", on=False, now=NOW)
    switch(registry, "b", on=False, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert people_kept(registry) == {"a": NOW, "b": datetime(2026, 1, 1, tzinfo=UTC)}

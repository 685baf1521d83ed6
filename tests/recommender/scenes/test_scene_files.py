"""Scenes as files: what a file may say, and what happens when one comes, changes, breaks or goes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import ConfigError, InvalidInput
from recommender.generators import DEFAULT_WEIGHTS
from recommender.scenes.files import SceneFiles, shipped_scenes
from recommender.scenes.validation import read_scene

VETERANS = 'title = "退役军人专区"\nitem_types = ["service", "policy"]\n\n[sources]\nfresh = 1\ntags = 0.5\n'


def written(folder: Path, text: str | bytes, name: str = "veterans") -> Path:
    """Write a scene as an operator should: aside first, then at once."""
    folder.mkdir(exist_ok=True)
    draft, path = folder / f".{name}.toml", folder / f"{name}.toml"
    draft.write_bytes(text if isinstance(text, bytes) else text.encode())
    draft.rename(path)
    return path


def test_a_file_says_all_that_decides_a_list(tmp_path: Path) -> None:
    more = "default_n = 4\nmax_topic_share = 1\npersonalised = false\nfallback = []\nrerankers = []\norder = 3\n"
    scene = read_scene(written(tmp_path, more + VETERANS))
    assert (scene.name, scene.title, scene.item_types) == ("veterans", "退役军人专区", ("service", "policy"))
    assert scene.sources == {"fresh": 1.0, "tags": 0.5}
    assert (scene.default_n, scene.max_topic_share, scene.personalised, scene.order) == (4, 1.0, False, 3)
    assert (scene.fallback, scene.ranker, scene.rerankers) == ((), "blend", ())


def test_a_scene_that_names_no_sources_asks_all_by_their_own_weight(tmp_path: Path) -> None:
    assert read_scene(written(tmp_path, 'title = "全部"')).sources == DEFAULT_WEIGHTS


def test_a_variant_is_the_scene_but_for_what_it_changes(tmp_path: Path) -> None:
    scene = read_scene(written(tmp_path, VETERANS + "\n[variants.newest]\nfallback = []\nsources = {fresh = 2}\n"))
    newest = scene.variant("newest")
    assert (newest.sources, newest.fallback) == ({"fresh": 2.0}, ())
    assert (newest.name, newest.title, newest.item_types) == (scene.name, scene.title, scene.item_types)
    assert scene.variant("") is scene
    with pytest.raises(InvalidInput, match="unknown variant 'other' of scene 'veterans'; it has newest"):
        scene.variant("other")


#: What is wrong → the text, the field, what was got, what is expected.
WRONG = {
    "no title": ("default_n = 3", "title", "missing", "1 to 40 characters"),
    "an unknown field": (VETERANS.replace("item_types", "types"), "types", "no field", "item_types"),
    "an unknown type": (VETERANS.replace('"policy"', '"polizei"'), "item_types", "polizei", "interpretation"),
    "a type twice": (VETERANS.replace('"policy"', '"service"'), "item_types", "['service', 'service']", "each once"),
    "an unknown source": (VETERANS.replace("tags", "tag"), "sources.tag", "no source", "trending"),
    "a weight below 0": (VETERANS.replace("0.5", "-0.5"), "sources.tags", "-0.5", "above 0"),
    "a weight that is no number": (VETERANS.replace("0.5", "nan"), "sources.tags", "nan", "above 0"),
    "a weight in words": (VETERANS.replace("0.5", '"much"'), "sources.tags", "much", "above 0"),
    "no source at all": ('title = "t"\n[sources]\n', "sources", "{}", "at least one"),
    "a length of 0": ("default_n = 0\n" + VETERANS, "default_n", "0", "1 to 100"),
    "a length of true": ("default_n = true\n" + VETERANS, "default_n", "True", "1 to 100"),
    "a length without end": (f"default_n = 0x{'f' * 6000}\n" + VETERANS, "default_n", "too long", "1 to 100"),
    "a share above 1": ("max_topic_share = 40\n" + VETERANS, "max_topic_share", "40", "0 to 1"),
    "a page of 0": ("max_n = 0\n" + VETERANS, "max_n", "0", "1 to 100"),
    "an issuer that is no text": ("issuers = [1]\n" + VETERANS, "issuers", "[1]", "200 texts"),
    "a share of an unknown type": ("max_type_share = {advert = 1}\n" + VETERANS, "max_type_share", "advert", "news"),
    "a share of a type above 1": ("max_type_share = {news = 2}\n" + VETERANS, "max_type_share", "2", "0 to 1"),
    "a share of an issuer in words": ('max_issuer_share = "all"\n' + VETERANS, "max_issuer_share", "all", "0 to 1"),
    "a count of half": ("min_type_count = {news = 0.5}\n" + VETERANS, "min_type_count", "0.5", "whole number"),
    "a slot beyond the list": ("editorial_slots = [100]\n" + VETERANS, "editorial_slots", "100", "0 to 99"),
    "first themes in one text": ('first_themes = "a"\n' + VETERANS, "first_themes", "'a'", "a list"),
    "an unknown ranker": ('ranker = "trees"\n' + VETERANS, "ranker", "trees", "blend"),
    "an unknown re-ranker": ('rerankers = ["mmr"]\n' + VETERANS, "rerankers", "mmr", "diversify"),
    "a variant's title": (VETERANS + '[variants.b]\ntitle = "b"', "variants.b.title", "no field", "sources"),
    "a variant's weight": (VETERANS + "[variants.b.sources]\ntags = 0", "variants.b.sources.tags", "0", "above 0"),
    "a shadow of nothing": (VETERANS + "[shadow]\nshare = 0.1", "shadow", "nothing", "shadow.run"),
    "a shadow of no variant": (VETERANS + '[shadow]\nvariant = "b"\nshare = 1', "shadow.variant", "b", "none"),
    "a shadow without a share": (VETERANS + '[shadow]\nrun = "r"', "shadow.share", "missing", "0 to 1"),
    "a shadow's run as a path": (VETERANS + '[shadow]\nrun = "../r"\nshare = 1', "shadow.run", "../r", "model list"),
    "more than an order interleaved": (
        VETERANS + "[variants.b]\nmax_topic_share = 1\n[experiment]\nname = 'x'\nshares = {b = 1}\ninterleaved = true",
        "variants.b.max_topic_share", "more than an order", "sources, ranker",
    ),
    "a field of two lines": ('"a\\nb" = 1\n' + VETERANS, "a b", "no field", "title"),
    "no TOML": ("title: t", "line 1", "Expected", "TOML in UTF-8"),
    "a number of too many digits": (f"default_n = {'9' * 5000}\n" + VETERANS, "", "limit", "TOML in UTF-8"),
    "no UTF-8": (VETERANS.encode("gb18030"), "", "codec", "TOML in UTF-8"),
    "too much": ("#" * 70_000 + "\n" + VETERANS, "", "65536 bytes", "a scene as TOML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "field", "got", "expected"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_file_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, field: str, got: str, expected: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidInput) as refused:
        read_scene(path)
    line = str(refused.value)
    assert line.startswith(str(path))
    assert all(word in line for word in (field, got, "; expected ", expected)), line
    assert "\n" not in line


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_a_scene_or_refused(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), text)
    with suppress(InvalidInput):
        assert read_scene(path).title


def test_a_file_that_comes_changes_and_goes_acts_each_time(tmp_path: Path) -> None:
    files = SceneFiles(tmp_path)
    assert set(files.scenes) == set(shipped_scenes())
    path = written(tmp_path, VETERANS)
    assert files.refresh() == []
    assert files.scenes["veterans"].title == "退役军人专区"
    written(tmp_path, VETERANS.replace("专区", "之家"))
    files.refresh()
    assert files.scenes["veterans"].title == "退役军人之家"
    path.unlink()
    files.refresh()
    assert files.scenes == shipped_scenes()


def test_a_broken_file_leaves_the_last_good_scene_and_is_told_once(tmp_path: Path) -> None:
    written(tmp_path, VETERANS)
    files = SceneFiles(tmp_path)
    path = written(tmp_path, VETERANS.replace("0.5", "0"))
    (problem,) = files.refresh()
    assert problem.startswith(f"{path}: sources.tags is 0; expected a weight above 0")
    assert problem.endswith("the scene stays as it was")
    assert files.refresh() == []
    assert files.problems == [problem]
    assert files.scenes["veterans"].sources["tags"] == 0.5
    written(tmp_path, VETERANS.replace("0.5", "0.7"))
    files.refresh()
    assert files.problems == []
    assert files.scenes["veterans"].sources["tags"] == 0.7


def test_what_has_not_changed_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    written(tmp_path, VETERANS)
    files = SceneFiles(tmp_path)
    before = files.scenes
    os.utime(tmp_path / "veterans.toml")  # read, and the same
    files.refresh()
    assert files.scenes is before


def test_an_own_file_replaces_the_shipped_scene_until_it_goes(tmp_path: Path) -> None:
    path = written(tmp_path, 'title = "首页"', "home")
    files = SceneFiles(tmp_path)
    assert files.scenes["home"].title == "首页"
    path.unlink()
    files.refresh()
    assert files.scenes["home"] == shipped_scenes()["home"]


def test_a_broken_own_file_at_the_start_leaves_the_shipped_scene(tmp_path: Path) -> None:
    written(tmp_path, "title = 1", "home")
    files = SceneFiles(tmp_path)
    assert files.scenes == shipped_scenes()
    assert files.problems[0].endswith("the scene is as if the file were not there")


def test_a_folder_that_cannot_be_read_keeps_its_scenes(tmp_path: Path) -> None:
    own = tmp_path / "scenes"
    written(own, VETERANS)
    files = SceneFiles(own)
    own.rename(tmp_path / "elsewhere")
    own.write_text("a file where the folder was")
    (problem,) = files.refresh()
    assert problem.startswith(f"{own} cannot be read")
    assert "veterans" in files.scenes


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "veterans.toml")
    assert "is no file; expected a scene as TOML" in SceneFiles(tmp_path).problems[0]


def test_a_shipped_scene_outlives_its_file_and_a_broken_one_stops_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, VETERANS)
    files = SceneFiles(shipped=tmp_path)
    path.unlink()
    assert files.refresh() == [f"{path} is gone; its scene stays until a restart"]
    assert "veterans" in files.scenes
    written(tmp_path, "title = 1")
    with pytest.raises(ConfigError, match="title is 1; expected a text"):
        SceneFiles(shipped=tmp_path)
    with pytest.raises(ConfigError, match="holds no scenes"):
        SceneFiles(shipped=tmp_path / "none")

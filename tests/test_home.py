from __future__ import annotations

import re
from pathlib import Path

import pytest

from civicrec.home import FILES, REPROCESS, SECRET_KEY, personal_files, unknown_files
from civicrec.settings import Settings
from operations.stack.doctor import examine

ROOT = Path(__file__).parent.parent
PACKAGES = ("civicrec", "collectors", "streaming", "profiles", "recommender", "serving", "operations")


def test_no_other_module_spells_a_path_of_the_home() -> None:
    # Names that are words of the language too are looked for below a home only.
    spelled = "|".join(
        re.escape(file.name).replace(r"\*", ".*?") for file in FILES if re.search(r"\.(?!\*)", file.name)
    )
    pattern = re.compile(rf"""(?<![<`\w/>])["'](?:{spelled})["']|\bhome\)? ?/ ?f?["']""")
    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path != ROOT / "civicrec/home.py"
        for hit in pattern.finditer(path.read_text())
    ]
    assert found == []


def test_names_are_distinct_and_said_in_full() -> None:
    assert len({file.name for file in FILES}) == len(FILES) > 25
    assert all(file.what and file.writer and file.lost for file in FILES)


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("events.sqlite", True), ("events.sqlite-wal", True), ("registry.sqlite-journal", True),
        ("nightly.json.4711.draft", True), (".secret.key.ab_c1", True), ("reprocess-0a1b.json", True),
        ("valkey-damaged-20261128T000000Z", True), (".write-12", True), ("notes.txt", False),
        ("events.sqlite.old", False), (".secret.key", False), ("reprocess-0a1b.json~", False),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_name_and_by_those_that_are_made_while_it_is_written(
    name: str, is_known: bool, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    assert (unknown_files(tmp_path) == []) is is_known


def test_what_tells_of_visitors_is_found_with_what_stands_beside_it(tmp_path: Path) -> None:
    for name in ("events.sqlite", "events.sqlite-wal", "secret.key", "registry.sqlite", "models", "stream.lock"):
        (tmp_path / name).touch()
    (tmp_path / "warehouse").mkdir()
    assert [path.name for path in personal_files(tmp_path)] == [
        "events.sqlite",
        "events.sqlite-wal",
        "registry.sqlite",
        "warehouse",
    ]
    assert unknown_files(tmp_path / "nowhere") == personal_files(tmp_path / "nowhere") == []


def test_a_path_has_its_part_in_place_of_the_star() -> None:
    assert REPROCESS.of(Path("h"), "0a").name == "reprocess-0a.json"
    assert SECRET_KEY.of(Path("h")) == Path("h/secret.key")


def test_doctor_names_what_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    findings = {finding.name: finding for finding in examine(Settings(home=tmp_path))}
    assert findings["home files"].detail.startswith("notes.txt: none of civicrec's")
    (tmp_path / "notes.txt").unlink()
    assert "home files" not in {finding.name for finding in examine(Settings(home=tmp_path))}

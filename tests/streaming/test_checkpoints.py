import os
from pathlib import Path

import pytest

from civicrec.errors import ConfigError
from streaming.flink.checkpoints import newest_checkpoint, remember, remembered, starting_point


def a_checkpoint(folder: Path, name: str, at: int, complete: bool = True) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    if complete:
        (path / "_metadata").touch()
        os.utime(path / "_metadata", (at, at))
    return path


def test_the_newest_complete_checkpoint_counts_of_whatever_run(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None
    old = a_checkpoint(tmp_path, "one/chk-90", 100)
    assert newest_checkpoint(tmp_path) == old
    new = a_checkpoint(tmp_path, "two/chk-3", 200)
    a_checkpoint(tmp_path, "two/chk-4", 300, complete=False)
    a_checkpoint(tmp_path, "two/shared", 400)
    assert newest_checkpoint(tmp_path) == new
    savepoint = a_checkpoint(tmp_path, "savepoint-ab-cd", 250)
    assert newest_checkpoint(tmp_path) == savepoint


def test_the_first_start_is_from_the_start_of_the_topic(tmp_path: Path) -> None:
    assert starting_point(tmp_path, tmp_path / "flink.json", from_start=False) is None


def test_checkpoints_that_are_gone_are_missed_unless_the_start_is_asked_for(tmp_path: Path) -> None:
    memory = tmp_path / "flink.json"
    kept = a_checkpoint(tmp_path / "checkpoints", "one/chk-1", 100)
    remember(memory, kept)
    assert remembered(memory) == str(kept)
    assert starting_point(tmp_path / "checkpoints", memory, from_start=False) == kept
    (kept / "_metadata").unlink()
    with pytest.raises(ConfigError, match="chk-1.*--from-start"):
        starting_point(tmp_path / "checkpoints", memory, from_start=False)
    assert starting_point(tmp_path / "checkpoints", memory, from_start=True) is None

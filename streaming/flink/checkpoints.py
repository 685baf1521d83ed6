"""Where the Flink job goes on: the newest complete checkpoint, and the memory that there was one.

In: the cluster's checkpoint folder and ``flink.json`` of the home. Out: a path, or the reason why there is none.
"""

from __future__ import annotations

import json
from pathlib import Path

from civicrec.errors import ConfigError
from civicrec.process.atomic_files import replace_file

#: An unfinished checkpoint can be newer than the last complete one; Flink writes this file last.
_COMPLETE = "_metadata"


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint or savepoint below a folder, of whatever run of the job."""
    checkpoints = [*folder.glob(f"*/chk-*/{_COMPLETE}"), *folder.glob(f"savepoint-*/{_COMPLETE}")]
    dated = []
    for path in checkpoints:
        try:
            dated.append((path.stat().st_mtime_ns, path.parent))
        except FileNotFoundError:  # Flink has just removed an old one
            continue
    return max(dated)[1] if dated else None


def remembered(memory: Path) -> str:
    """Return the newest checkpoint seen so far, as it was called; empty if there never was one."""
    try:
        return str(json.loads(memory.read_text())["checkpoint"])
    except FileNotFoundError:
        return ""


def remember(memory: Path, checkpoint: Path) -> None:
    """Keep in mind that there is a checkpoint; a crash leaves the old note or the new one."""
    replace_file(memory, json.dumps({"checkpoint": str(checkpoint)}).encode())


def starting_point(folder: Path, memory: Path, from_start: bool) -> Path | None:
    """Return the checkpoint to start from; None for the start of the topic.

    Raises
    ------
    ConfigError
        If there were checkpoints once and are none now: what stands in the topic alone may not be all, or be done.
    """
    if from_start:
        return None
    checkpoint = newest_checkpoint(folder)
    if checkpoint is None and (once := remembered(memory)):
        raise ConfigError(
            f"the job had checkpoints ({once}), and {folder} holds no complete one: restore them, or say --from-start "
            "to read the topic from its first record; what is stored already is known and changes nothing"
        )
    return checkpoint

"""Scenes as files: those of this folder, and an operator's own in the home folder, which may replace them.

In: folders of ``<name>.toml``. Out: name → `Scene`. Looked at again and again while a process serves: a file that can
be used acts at once; one that cannot changes nothing, and `problems` says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from civicrec.errors import ConfigError, InvalidInput
from recommender.scenes.scene import Scene
from recommender.scenes.validation import read_scene

SHIPPED = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was last read of a file: the last good scene, and what is wrong with the file as it is now."""

    stamp: tuple[int, int, int]
    scene: Scene | None
    problem: str = ""


class SceneFiles:
    """Keeps the scenes of some files current.

    Attributes
    ----------
    scenes
        Name → scene, by `Scene.order`; replaced as a whole when one changes, so any thread may read it.
    problems
        One sentence for each file that cannot be used.

    Parameters
    ----------
    own
        Folder of the operator's own scenes; it need not exist.

    Raises
    ------
    ConfigError
        If a scene that comes with civicrec cannot be used.
    """

    def __init__(self, own: Path | None = None, shipped: Path = SHIPPED) -> None:
        self._shipped = shipped
        self._folders = (shipped, *((own,) if own else ()))  # what a later one has replaces what an earlier one has
        self._readings: dict[Path, _Reading] = {}
        self.scenes: Mapping[str, Scene] = {}
        self.problems: list[str] = []
        self.refresh()
        broken = [one.problem for path, one in self._readings.items() if path.parent == shipped and one.problem]
        if broken or not self.scenes:
            raise ConfigError(broken[0] if broken else f"{shipped} holds no scenes; install civicrec again")

    def refresh(self) -> list[str]:
        """Read what has changed, and return the problems that are new."""
        readings, problems = dict[Path, _Reading](), list[str]()
        for folder in self._folders:
            before = {path: one for path, one in self._readings.items() if path.parent == folder}
            try:
                paths = sorted(Path(file.path) for file in os.scandir(folder) if _is_scene(file.name))
            except FileNotFoundError:
                paths = []
            except OSError as error:
                problems.append(f"{folder} cannot be read: {error.strerror or error}; its scenes stay as they were")
                readings |= before
                continue
            readings |= {path: _reading(path, before.get(path)) for path in paths}
            if folder == self._shipped:  # pages ask for these by name
                readings |= {path: _gone(path, one.scene) for path, one in before.items() if path not in paths}
        scenes = {one.scene.name: one.scene for one in readings.values() if one.scene}
        ordered = dict(sorted(scenes.items(), key=lambda pair: (pair[1].order, pair[0])))
        if ordered != self.scenes:
            self.scenes = ordered
        problems += [one.problem for one in readings.values() if one.problem]
        new = [problem for problem in problems if problem not in self.problems]
        self._readings, self.problems = readings, problems
        return new


def _reading(path: Path, before: _Reading | None) -> _Reading:
    """Read a file, unless it is as it was before."""
    try:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        stamp = (-1, -1, -1)
    if before and before.stamp == stamp:
        return before
    try:
        return _Reading(stamp, read_scene(path))
    except InvalidInput as error:
        scene = before.scene if before else None
        kept = "the scene stays as it was" if scene else "the scene is as if the file were not there"
        return _Reading(stamp, scene, f"{error}; {kept}")


def _gone(path: Path, scene: Scene | None) -> _Reading:
    return _Reading((0, 0, 0), scene, f"{path} is gone; its scene stays until a restart" if scene else "")


def _is_scene(name: str) -> bool:
    return name.endswith(".toml") and not name.startswith(".")


@cache
def shipped_scenes() -> Mapping[str, Scene]:
    """Return the scenes that come with civicrec, as they are when first asked for."""
    return SceneFiles().scenes

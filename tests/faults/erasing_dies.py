"""The stream, as `civicrec stream` runs it, which dies as by kill -9 at moments of an erasure, each once.

Arguments: a file of the moments at which it died before, and a regular expression of those at which it is to die. The
program itself knows nothing of this: what is wrapped here is what the worker calls.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from civicrec.erasure import Person, PersonalStore, Step
from civicrec.settings import load_settings
from streaming import embedded
from streaming.erasing import stores, worker


class Deaths:
    """Where it is to die, and did."""

    def __init__(self, path: Path, at: str) -> None:
        self._path, self._at = path, re.compile(at)

    def here(self, moment: str) -> None:
        """Die, unless it is none of the moments or it died here before."""
        done = self._path.read_text().splitlines() if self._path.exists() else []
        if self._at.search(moment) and moment not in done:
            with self._path.open("a") as file:
                file.write(f"{moment}\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A store that dies right after it has erased."""

    def __init__(self, store: PersonalStore, deaths: Deaths) -> None:
        self.name, self._store, self._deaths = store.name, store, deaths
        self.count: Callable[[Person], int] = store.count

    def erase(self, person: Person) -> None:
        """Erase, and die before anybody knows."""
        self._store.erase(person)
        self._deaths.here(f"{self.name}: erased")


def main() -> None:
    """Run until SIGTERM, or the next moment."""
    deaths = Deaths(Path(sys.argv[1]), sys.argv[2])
    note, finish = worker.note_step, worker.finish_erasure

    def noted(engine: Any, number: int, store: str, step: Step) -> None:
        note(engine, number, store, step)
        deaths.here(f"{store}: {'counted' if step.after is None else 'done'}")

    def finished(*given: Any) -> None:
        deaths.here("receipt: made")
        finish(*given)
        deaths.here("receipt: kept")

    def mortal(*given: Any) -> Sequence[PersonalStore]:
        return [Mortal(store, deaths) for store in stores.personal_stores(*given)]

    worker.note_step, worker.finish_erasure = noted, finished
    embedded.personal_stores = mortal
    embedded.run(load_settings(None))


if __name__ == "__main__":
    main()

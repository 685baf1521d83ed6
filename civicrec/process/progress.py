"""Progress on stderr: bars on a terminal, one line a step in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: (what is being done, parts done, parts in all)
ShowProgress = Callable[[str, int, int], None]


@contextmanager
def progress_bars() -> Iterator[ShowProgress]:
    """Give a function that shows how far each named step is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        done: set[str] = set()

        def show_done(what: str, parts: int, total: int) -> None:
            if what not in done and parts >= total:
                done.add(what)
                console.print(f"{what}: done", highlight=False)

        yield show_done
        return
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks = {}

        def show(what: str, parts: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=parts, total=total)

        yield show

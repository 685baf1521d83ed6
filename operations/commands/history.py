"""The command `events load`: what happened before civicrec was there."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from operations.commands.events import File, byte_bar
from operations.commands.options import Home, JsonLines


def load(
    file: File,
    history: Annotated[
        bool, typer.Option("--history", help="Say that it is history: nothing of it counts as live.")
    ] = False,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """Load events of any age straight into the warehouse, as when a portal moves. Exit 1 if any was refused.

    Reports and models know them; the online store, trends and the books of the collector do not. An event whose id is
    there already is left as it is, so the same file again adds nothing. Stopped half-way, the same command goes on.
    """
    import sys
    from contextlib import ExitStack, closing
    from datetime import date

    from civicrec.clock import utc_now
    from civicrec.errors import InvalidInput
    from civicrec.home import HISTORY_LOCK
    from civicrec.process.locks import owned
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from collectors.replay.history import batches
    from collectors.replay.lines import open_lines
    from collectors.replay.resume import Bookmark, ReplayProgress
    from collectors.request_facts import RequestFacts
    from collectors.robots.behaviour import Behaviour
    from streaming.history import write_history
    from streaming.repair.run import registry_facts

    if not history:
        raise InvalidInput("expected --history; events of the last 30 days that are to act at once: `events replay`")
    settings = load_settings(home)
    store = f"history in {settings.warehouse.endpoint.address}/{settings.warehouse.database}"
    bookmark = None if file == "-" else Bookmark(Path(file), store)
    request = RequestFacts(utc_now(), load_keys(settings), frozenset(settings.sites) or None, behaviour=Behaviour())
    with ExitStack() as stack:
        lines = stack.enter_context(open_lines(file))
        stack.enter_context(owned(HISTORY_LOCK.of(settings.home), "the folder of a history"))
        warehouse = stack.enter_context(closing(ClickHouseWarehouse(settings.warehouse)))
        show = stack.enter_context(byte_bar(lines))
        registry = registry_facts(settings)
        progress = bookmark.open(lines) if bookmark else ReplayProgress()
        if progress.line:
            print(f"going on after line {progress.line}", file=sys.stderr)

        def touches(days: set[date]) -> None:
            progress.days |= days
            if bookmark:
                bookmark.set(progress)

        for batch in batches(lines, request, progress.line):
            n_new = write_history(warehouse, registry, batch.events, touches)
            progress.line, progress.offset = batch.line, batch.offset
            progress.lines += batch.lines
            progress.accepted += n_new
            progress.duplicates += len(batch.events) - n_new
            for no in batch.refused:
                progress.rejected[no.reason] = progress.rejected.get(no.reason, 0) + 1
                print(f"line {no.line}: {no.reason}: {no.detail}", file=sys.stderr)
            if bookmark:
                bookmark.set(progress)
            show(progress.offset, f"line {progress.line}, {progress.accepted} new")
    if bookmark:
        bookmark.remove()
    n_rejected = sum(progress.rejected.values())
    if json:
        rejected = dict(sorted(progress.rejected.items()))
        print(dumps({"lines": progress.lines, "new": progress.accepted, "known": progress.duplicates,
                     "rejected": rejected, "days": len(progress.days)}))  # fmt: skip
    else:
        print(f"{progress.accepted} new, {progress.duplicates} known already, {n_rejected} rejected; "
              f"{len(progress.days)} days changed")  # fmt: skip
    raise typer.Exit(1 if n_rejected else 0)

"""The command `rebuild-online`."""

from __future__ import annotations

import typer

from operations.commands.options import Home

_WAIT_S = 0.2


def register(app: typer.Typer) -> None:
    """Add `rebuild-online` to the root command."""
    app.command("rebuild-online")(rebuild_online)


def rebuild_online(home: Home = None) -> None:
    """Rebuild the online store from warehouse and registry. A running stream does it, between two batches.

    Stopped half-way, start it again: until it has ended the store is known to be incomplete. The stream also does this
    by itself when it finds the store wiped.
    """
    import sys
    import time
    from contextlib import closing

    from civicrec.clients import redis_client
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from profiles.online.bounds import bounds_of
    from profiles.online.redis_store import RedisOnlineStore
    from streaming.repair.rebuild_on_request import rebuild_on_request

    settings = load_settings(home)
    with closing(redis_client(settings.redis)) as redis:
        online = RedisOnlineStore(redis, bounds_of(settings.redis))
        with progress_bars() as report:
            rebuilt = rebuild_on_request(settings, online, report)
        if rebuilt is not None:
            print(f"{rebuilt.interactions} interactions and the tags of {rebuilt.actors_with_tags} actors restored")
            return
        print("the running stream rebuilds it", file=sys.stderr)
        while not online.is_complete():
            time.sleep(_WAIT_S)
        print("restored")

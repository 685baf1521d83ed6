"""The command `catalog poll`: feeds and sitemaps of portals that can neither call nor push."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import Home, JsonLines

if TYPE_CHECKING:
    from civicrec.polling.feed_file import Feed
    from civicrec.polling.polls import Outcome

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[FEED]...", help="Feeds to poll now; none: those whose interval is over.")
]


def poll(
    feeds: Names = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Ask for everything, whatever is known of it.")] = False,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """Poll the feeds of `feeds/` in the home, once, and name every refused entry; exit 1 if a poll failed.

    What a feed does not name any more stays in the catalogue; pages that are gone are named.
    """
    import sys
    from json import dumps

    from civicrec.clock import utc_now
    from civicrec.home import FEEDS, POLL_LOCK
    from civicrec.polling.polls import poll_feeds
    from civicrec.process.locks import owned
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from civicrec.text import printable

    settings = load_settings(home)
    good, bad = _read(settings.home, feeds or [])
    for reason in bad:
        print(printable(reason), file=sys.stderr)
    if not good and not bad:
        print(f"no feed in {FEEDS.of(settings.home)}; docs/add-to-your-portal.md shows a file of one", file=sys.stderr)
    failed = False
    if not good:
        raise typer.Exit(2 if bad else 0)
    with owned(POLL_LOCK.of(settings.home), "polls"), registry_at(settings.registry_address) as registry:
        for outcome in poll_feeds(settings, registry, good, utc_now, only_due=not feeds, afresh=afresh):
            failed = failed or bool(outcome.fault)
            for line in _faults(outcome):
                print(printable(line), file=sys.stderr)
            facts = {"feed": outcome.name, "fault": outcome.fault} if outcome.fault else _facts(outcome)
            if json:
                print(dumps(facts, ensure_ascii=False))
            elif not outcome.fault:
                print(_line(outcome))
    raise typer.Exit(2 if bad else 1 if failed else 0)


def _read(home: Path, names: list[str]) -> tuple[dict[str, Feed], list[str]]:
    """Return the feeds by name, and what is wrong with the files of others."""
    from civicrec.errors import InvalidInput
    from civicrec.polling.feed_file import feed_files, read_feed

    files = feed_files(home)
    if unknown := [name for name in names if name not in files]:
        raise InvalidInput(f"no feed {unknown[0]!r}; there {'are' if files else 'is'} {', '.join(files) or 'none'}")
    good: dict[str, Feed] = {}
    bad: list[str] = []
    for name, path in files.items():
        if not names or name in names:
            try:
                good[name] = read_feed(path)
            except InvalidInput as error:
                bad.append(str(error))
    return good, bad


def _faults(outcome: Outcome) -> list[str]:
    found = outcome.found
    failed = [f"{outcome.name}: {outcome.fault}"] if outcome.fault else []
    return [
        *failed,
        *(f"{outcome.name} {place}: {reason}" for place, reason in found.bad),
        *(f"{outcome.name} {place}: note: {reason}" for place, reason in found.notes),
        *(
            f"{outcome.name} {address}: the page is gone, and {item_id} is still in lists; "
            f"`civicrec catalog withdraw {item_id} --why …` takes it out"
            for item_id, address in found.gone
        ),
    ]


def _facts(outcome: Outcome) -> dict[str, object]:
    return {"feed": outcome.name, "is_as_before": outcome.found.is_as_before, **outcome.found.counts()}


def _line(outcome: Outcome) -> str:
    if outcome.found.is_as_before:
        return f"{outcome.name}: nothing new"
    return f"{outcome.name}: " + ", ".join(f"{n} {what}" for what, n in outcome.found.counts().items())

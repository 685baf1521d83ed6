"""Commands of `events`: try a file of events, send it to the collector, or put what came in through the steps again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import Home, Json, JsonLines

if TYPE_CHECKING:
    from collectors.replay.lines import Lines
    from collectors.replay.replay import Verdict

File = Annotated[
    str,
    typer.Argument(
        help="File of JSON lines, one event each, plain or packed by gzip, bzip2 or xz; - for standard input."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group `events` to the root command."""
    from operations.commands.history import load

    group = typer.Typer(no_args_is_help=True, help="Try events, send them, or put them through the steps again.")
    group.command()(validate)
    group.command()(replay)
    group.command()(load)
    group.command()(reprocess)
    app.add_typer(group, name="events")


def validate(
    file: File,
    user_agent: Annotated[str, typer.Option(help="Judge as if a client with this user agent sent it.")] = "",
    origin: Annotated[str, typer.Option(help="Judge as if a page of this origin sent it.")] = "",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """Say line by line what the collector would do with a file; exit 1 if it would refuse any. Nothing is sent."""
    import sys
    from dataclasses import asdict

    import msgspec

    from civicrec.clock import utc_now
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.web.origins import origin_of
    from collectors.endpoint import sites_by_origin
    from collectors.facts.device import read_user_agent
    from collectors.replay.lines import open_lines
    from collectors.replay.replay import judged
    from collectors.request_facts import RequestFacts
    from collectors.robots.behaviour import Behaviour

    settings = load_settings(home)
    device, bot_reason = read_user_agent(user_agent)
    request = RequestFacts(
        utc_now(), load_keys(settings), frozenset(settings.sites) or None,
        origin=origin, origin_sites=sites_by_origin(settings).get(origin_of(origin).encode(), ()) if origin else None,
        device=device, bot_reason=bot_reason, behaviour=Behaviour(),
    )  # fmt: skip
    n_good = n_bad = 0
    with open_lines(file) as lines:
        for verdict in judged(lines, request):
            n_bad, n_good = n_bad + bool(verdict.reason), n_good + (not verdict.reason)
            if json:
                print(msgspec.json.encode(asdict(verdict)).decode())
            else:
                print(f"{verdict.line}: {verdict.reason or _taken(verdict)}", verdict.detail, sep="\t")
    print(f"{n_good} would be accepted, {n_bad} would not", file=sys.stderr)
    raise typer.Exit(1 if n_bad else 0)


def _taken(verdict: Verdict) -> str:
    words = ["accepted"]
    if verdict.bot_reason:
        words.append(f"as a robot's ({verdict.bot_reason})")
    if verdict.altered:
        words.append(f"without {', '.join(verdict.altered)}")
    words += [f"{name}={value}" for name, value in verdict.stored.items()]
    return " ".join(words)


def replay(
    file: File,
    url: Annotated[str, typer.Option(help="Address of the collector; default the one of the settings.")] = "",
    api_key: Annotated[str, typer.Option(help="The site's server-to-server key.")] = "",
    rate: Annotated[float, typer.Option(min=0, help="Events a second at most; 0 means as fast as it answers.")] = 0,
    from_line: Annotated[
        int,
        typer.Option(min=0, max=2**63 - 1, help="First line to send; 0 means where the last run of this file stopped."),
    ] = 0,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """Send a file of events to the collector; sending it again stores nothing twice. Exit 1 if any was refused.

    Stopped half-way, even by kill -9, the same command goes on where it was: FILE.replay says where, until all is sent.
    """
    import sys
    from itertools import islice

    from civicrec.clients import http_client
    from civicrec.clock import monotonic_s
    from civicrec.errors import InvalidInput
    from civicrec.settings import load_settings
    from civicrec.web.origins import host_of, origin_of
    from collectors.replay.lines import open_lines
    from collectors.replay.replay import replay as send
    from collectors.replay.resume import Bookmark, ReplayProgress

    collector = load_settings(home).collector.endpoint
    address = url or collector.url
    headers = {} if url else collector.headers
    if api_key:
        headers = {**headers, "x-api-key": api_key}
    if origin_of(address).partition("://")[0] not in ("http", "https") or not host_of(address):
        raise InvalidInput(
            f"got --url {address}; expected an address such as http://127.0.0.1:8701 or http://[::1]:8701"
        )
    if not api_key.isascii():
        raise InvalidInput("got an --api-key with letters that no header takes; copy it from CIVICREC_SITES")
    bookmark = None if file == "-" else Bookmark(Path(file), address)
    with (
        open_lines(file) as lines,
        http_client(base_url=address, timeout=30, headers=headers) as client,
        byte_bar(lines) as show,
    ):
        progress = bookmark.open(lines, from_start=from_line > 0) if bookmark else ReplayProgress()
        for _ in islice(lines, max(0, from_line - 1)):
            progress.line, progress.offset = progress.line + 1, lines.offset
        if progress.line and not from_line:
            print(f"going on after line {progress.line}; --from-line 1 begins again", file=sys.stderr)
        began, before = monotonic_s(), progress.lines

        def report(progress: ReplayProgress) -> None:
            if bookmark:
                bookmark.set(progress)
            per_s = (progress.lines - before) / max(monotonic_s() - began, 1e-6)
            show(progress.offset, f"line {progress.line}, {progress.accepted} accepted, "
                                  f"{progress.duplicates} duplicates, {per_s:.0f} events/s")  # fmt: skip

        def refused(verdict: Verdict) -> None:
            print(f"line {verdict.line}: {verdict.reason}: {verdict.detail}", file=sys.stderr)

        try:
            send(lines, client, progress, rate=rate, report=report, refused=refused)
        except KeyboardInterrupt:
            how = "the same command goes on" if bookmark else f"go on with --from-line {progress.line + 1}"
            print(f"stopped after line {progress.line}; {how}", file=sys.stderr)
            raise typer.Exit(130) from None
    if bookmark:
        bookmark.remove()
    n_rejected = sum(progress.rejected.values())
    if json:
        rejected = dict(sorted(progress.rejected.items()))
        print(dumps({"lines": progress.lines, "accepted": progress.accepted, "duplicates": progress.duplicates,
                     "rejected": rejected}))  # fmt: skip
    else:
        print(f"{progress.accepted} accepted, {progress.duplicates} duplicates, {n_rejected} rejected")
    raise typer.Exit(1 if n_rejected else 0)


def reprocess(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the portal's calendar.")
    ],
    last: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day, included.")],
    kind: Annotated[str, typer.Option(help="Only events of this kind.")] = "",
    site: Annotated[str, typer.Option(help="Only events of this site.")] = "",
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Read what was refused on these days, not the event log.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Put events through the stream's steps once more, and write what differs; for after a fix of code or catalogue.

    The online store is rebuilt if interactions changed.
    A second run changes nothing. Stopped half-way, the same command goes on where it was.
    """
    import sys

    import msgspec

    from civicrec.errors import InvalidInput
    from civicrec.events import KINDS
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from streaming.repair.reprocess import Selection
    from streaming.repair.run import repair

    if last < first:
        raise InvalidInput(f"got --from {first:%Y-%m-%d} and --until {last:%Y-%m-%d}; expected the earlier day first")
    if kind and kind not in KINDS:
        raise InvalidInput(f"got --kind {kind}; expected one of {', '.join(sorted(KINDS))}")
    chosen = Selection(first.date(), last.date(), kind, site)
    with progress_bars() as report:
        done = repair(load_settings(home), chosen, dead_letters=dead_letters, dry_run=dry_run, report=report)
    if done.went_on_after:
        print(f"went on after offset {done.went_on_after}, where an earlier run stopped", file=sys.stderr)
    if json:
        figures = msgspec.to_builtins(done)  # `asdict` makes a Counter of a Counter's pairs
        print(dumps({"cured" if name == "recovered" else name: n for name, n in figures.items()}))  # docs/contracts.md
        return
    would = "would be " if dry_run else ""
    print(f"{done.new} events {would}added, {done.changed} {would}changed, {done.same} as they should be")
    if dead_letters:
        print(f"{done.recovered} dead letters {would}recovered")
    if done.dead_letters:
        print(f"{done.dead_letters} dead letters {would}written again")
    for reason, n in sorted(done.refused.items()):
        print(f"{n} still refused: {reason}")
    print(f"days {would}changed: {', '.join(map(str, done.days)) or 'none'}")


@contextmanager
def byte_bar(lines: Lines) -> Iterator[Callable[[int, str], None]]:
    """Give a function that shows how many bytes are sent, on a terminal; of a file it is known of how many."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("sending", total=lines.size)
        yield lambda n_bytes, text: bar.update(task, completed=n_bytes, description=text)

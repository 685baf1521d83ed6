"""Commands of `events`: try a file of events, or send it to the collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from json import dumps
from pathlib import Path
from typing import IO, Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="Folder that holds all state; default CIVICREC_HOME or .civicrec.")]
File = Annotated[str, typer.Argument(help="File of JSON lines, one event each; - for standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def register(app: typer.Typer) -> None:
    """Add the group `events` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Try a file of events, or send it to the collector.")
    group.command()(validate)
    group.command()(replay)
    app.add_typer(group, name="events")


def validate(file: File, json: Json = False, home: Home = None) -> None:
    """Say line by line what the collector would do with a file; exit 1 if it would refuse any. Nothing is sent."""
    import sys
    from dataclasses import asdict

    from civicrec.clock import utc_now
    from civicrec.settings import load_settings
    from civicrec.tokens import load_keys
    from collectors.replay import judged
    from collectors.visit import Visit

    settings = load_settings(home)
    visit = Visit(utc_now(), load_keys(settings), frozenset(settings.sites) or None)
    n_good = n_bad = 0
    with _opened(file) as lines:
        for verdict in judged(lines, visit):
            n_bad, n_good = n_bad + bool(verdict.reason), n_good + (not verdict.reason)
            if json:
                print(dumps(asdict(verdict), ensure_ascii=False))
            else:
                altered = f" without {', '.join(verdict.altered)}" if verdict.altered else ""
                print(f"{verdict.line}: {verdict.reason or 'accepted' + altered}", verdict.detail, sep="\t")
    print(f"{n_good} would be accepted, {n_bad} would not", file=sys.stderr)
    raise typer.Exit(1 if n_bad else 0)


def replay(
    file: File,
    url: Annotated[str, typer.Option(help="Address of the collector; default the one of the settings.")] = "",
    api_key: Annotated[str, typer.Option(help="The site's server-to-server key.")] = "",
    rate: Annotated[float, typer.Option(min=0, help="Events a second at most; 0 means as fast as it answers.")] = 0,
    from_line: Annotated[int, typer.Option(min=1, help="First line to send: where an earlier run stopped.")] = 1,
    json: Json = False,
    home: Home = None,
) -> None:
    """Send a file of events to the collector; sending it again stores nothing twice. Exit 1 if any was refused."""
    import sys

    import httpx
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from civicrec.settings import load_settings
    from collectors.replay import Replayed, Verdict
    from collectors.replay import replay as send

    collector = load_settings(home).collector
    address = url or f"http://{collector.host}:{collector.port}"
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        _opened(file) as lines,
        httpx.Client(base_url=address, timeout=30, headers={"x-api-key": api_key} if api_key else {}) as client,
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("sending")

        def tell(sums: Replayed, line: int) -> None:
            progress.update(task, description=f"line {line}: {sums.accepted} accepted, {sums.duplicates} duplicates")

        def refused(verdict: Verdict) -> None:
            print(f"line {verdict.line}: {verdict.reason}: {verdict.detail}", file=sys.stderr)

        sums = send(lines, client, from_line=from_line, rate=rate, tell=tell, refused=refused)
    n_rejected = sums.rejected.total()
    if json:
        rejected = dict(sorted(sums.rejected.items()))
        print(dumps({"lines": sums.lines, "accepted": sums.accepted, "duplicates": sums.duplicates,
                     "rejected": rejected}))  # fmt: skip
    else:
        print(f"{sums.accepted} accepted, {sums.duplicates} duplicates, {n_rejected} rejected")
    raise typer.Exit(1 if n_rejected else 0)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    import sys

    from civicrec.errors import InvalidInput

    if file == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            lines = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
        yield lines

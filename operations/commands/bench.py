"""``civicrec bench …``: figures of one run beside a baseline measured in the same run, as ratios."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.commands.options import Json
from operations.commands.stages import Runner

bench = typer.Typer(help="Measure this machine: ratios against a baseline of the same run.", no_args_is_help=True)
#: Where `make services` puts the jars.
_JARS = Path(".cache")


def register(app: typer.Typer) -> None:
    """Add the ``bench`` group to the root command."""
    app.add_typer(bench, name="bench")


@bench.command()
def collect(
    kafka: Annotated[
        str, typer.Option(help="HOST:PORT of a broker: measure with Kafka behind the collector too.")
    ] = "",
    soak: Annotated[float, typer.Option(metavar="MIN", help="Minutes of unbroken load after it, for memory.")] = 0,
    as_json: Json = False,
) -> None:
    """Measure durable requests per second of the collector, beside a bare FastAPI hello, and its start."""
    from operations.bench import log_limits
    from operations.bench.collect import bench_collect

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "collect": lambda: bench_collect(kafka=kafka),
        "recovery": log_limits.recovery,
    }
    if soak:
        parts["soak"] = lambda: log_limits.soak(soak)
    _show(parts, as_json)


@bench.command()
def stream(
    runner: Annotated[
        Runner,
        typer.Option(help="What to measure: the embedded stream, or a job on a Flink cluster and Kafka of its own."),
    ] = "embedded",
    events: Annotated[
        int | None, typer.Option(min=1_000, help="Events that wait for the stream; default 200 000, Flink 300 000.")
    ] = None,
    parallelism: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Flink: parts of the job and partitions of the topic; one run each, default 1, 2, 4."),
    ] = None,
    services: Annotated[
        Path | None, typer.Option(help="Flink: folder of the jars, which `make services` fetches; default .cache.")
    ] = None,
    recovery: Annotated[
        bool | None,
        typer.Option("--recovery/--no-recovery", help="Flink: kill -9 of everything at the end; the default is yes."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure events per CPU-second of the stream with its stores, beside a plain Python loop, and freshness.

    With --runner flink: events a second, CPU-seconds of each process per million events, freshness, and recovery, on a
    broker and a cluster of its own. It needs java; some of the cluster's ports are open to the network meanwhile
    (docs/flink.md).
    """
    if runner == "embedded":
        from civicrec.errors import InvalidInput
        from operations.bench.stream import EVENTS, bench_stream

        if parallelism or services or recovery is not None:
            raise InvalidInput("--parallelism, --services and --recovery belong to --runner flink")
        return _show({"stream": lambda: bench_stream(events or EVENTS)}, as_json)

    from operations.bench import stream_on_flink as flink

    _show(
        {
            "flink": lambda: flink.bench_stream_on_flink(
                services or _JARS, parallelism or flink.PARALLELISM, events or flink.EVENTS, recovery is not False
            )
        },
        as_json,
    )


@bench.command()
def nightly(
    large: Annotated[
        bool, typer.Option("--large", help="300 000 visitors, 46 000 items, 3 million pairs; takes minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure seconds and memory of each nightly step, beside bare fits by implicit."""
    from operations.bench.nightly import LARGE, SMALL, bench_nightly

    _show({"nightly": lambda: bench_nightly(LARGE if large else SMALL)}, as_json)


@bench.command()
def pairs(
    interactions: Annotated[
        list[int] | None, typer.Option(min=1_000, help="How many, several times; default 1 and 3 million.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure pairs of items counted in the warehouse, beside reading all interactions and counting in memory."""
    from operations.bench.pairs import bench_pairs

    _show({"pairs": lambda: bench_pairs(interactions or [1_000_000, 3_000_000])}, as_json)


@bench.command()
def segments(
    interactions: Annotated[
        list[int] | None, typer.Option(min=1_000, help="How many, several times; default 1 million.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure rules over people asked of the warehouse, and a night of twenty segments, beside a plain count."""
    from operations.bench.segments import bench_segments

    _show({"segments": lambda: bench_segments(interactions or [1_000_000])}, as_json)


@bench.command()
def tags(
    interactions: Annotated[
        list[int] | None, typer.Option(min=1_000, help="How many, several times; default 1 million.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the nightly tags, weighed in the warehouse and put online, beside a plain sum of the same rows."""
    from operations.bench.tags import bench_tags

    _show({"tags": lambda: bench_tags(interactions or [1_000_000])}, as_json)


@bench.command()
def erase(
    events: Annotated[
        list[int] | None, typer.Option(min=1_000, help="How many of others, several times; default 1 million.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how long a person's erasure takes to its receipt, beside a plain deletion from the same table."""
    from operations.bench.erase import bench_erase

    _show({"erase": lambda: bench_erase(events or [1_000_000])}, as_json)


@bench.command()
def serve(as_json: Json = False) -> None:
    """Measure lists per second and p99, beside FastAPI with one pipelined Redis read."""
    from operations.bench.serve import bench_serve

    _show({"serve": bench_serve}, as_json)


@bench.command()
def stack(as_json: Json = False) -> None:
    """Measure click to changed list, idle memory and CPU of the whole stack, and the start of the command line."""
    from operations.bench.stack import bench_stack

    _show({"stack": bench_stack}, as_json)


@bench.command()
def sizing(
    subjects: Annotated[int, typer.Option(min=400, help="Visitors of each kind.")] = 20_000,
    items: Annotated[int, typer.Option(min=1_000, help="Items of the larger of two catalogues.")] = 100_000,
    as_json: Json = False,
) -> None:
    """Measure bytes of the online store a visitor, and the memory of a serving process for two catalogues."""
    from operations.bench.sizing import bench_sizing

    _show({"sizing": lambda: bench_sizing(subjects, items)}, as_json)


@bench.command("match")
def match_one(
    items: Annotated[int, typer.Option(min=100, help="Policies.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Measure how long it takes to tell what fits one firm by its kept attributes, beside going item by item."""
    from operations.bench.match import bench_match

    _show({"match": lambda: bench_match(items)}, as_json)


@bench.command()
def push(
    people: Annotated[int, typer.Option(min=1_000, help="Firms that get a message each way.")] = 20_000,
    as_json: Json = False,
) -> None:
    """Measure how many push messages a second reach the inbox and a gateway, beside a plain insert of as many rows."""
    from operations.bench.push import bench_push

    _show({"push": lambda: bench_push(people)}, as_json)


@bench.command("all")
def everything(as_json: Json = False) -> None:
    """Run all of them, one after the other."""
    from operations.bench import log_limits
    from operations.bench.collect import bench_collect
    from operations.bench.nightly import bench_nightly
    from operations.bench.serve import bench_serve
    from operations.bench.stack import bench_stack
    from operations.bench.stream import bench_stream

    _show(
        {
            "collect": bench_collect,
            "recovery": log_limits.recovery,
            "stream": bench_stream,
            "nightly": bench_nightly,
            "serve": bench_serve,
            "stack": bench_stack,
        },
        as_json,
    )


def _show(benches: dict[str, Callable[[], dict[str, Any]]], as_json: bool) -> None:
    # Ended by a signal, as by `timeout`, it still ends the processes it started.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        figures = {name: measure() for name, measure in benches.items()}
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    for name, values in figures.items():
        for key, value in _flat(values):
            print(f"{name:8} {key:48} {value}")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, f"{value:,.4g}" if isinstance(value, float) else str(value)))
    return rows

"""The one Beam graph: blocks of log records in, facts in the stores out.

It is stateless and knows no time: no windows, no triggers, no timers. What must be remembered is in the stores.
The source and the runner are outside (`embedded.py`, `flink.py`): both engines run this same graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import apache_beam as beam

from streaming import coders  # noqa: F401  # registers how blocks travel
from streaming.blocks import Facts, Parsed
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.sinks import Stores


class Sinks(Protocol):
    """How a worker comes by its open stores; travels with the graph, so it must pickle."""

    def open(self) -> Stores:
        """Return the stores of this process."""
        ...

    def write(self, blocks: Sequence[Facts]) -> None:
        """Write the facts of a bundle into them."""
        ...


def build(rows: Any, sinks: Sinks) -> None:
    """Read blocks as events, add what we know, and write events, dead letters and online features.

    Parameters
    ----------
    rows
        PCollection of `Block`.
    sinks
        Where the facts go.
    """
    parsed = rows | "parse and validate events" >> beam.Map(parse_block).with_output_types(Parsed)
    facts = parsed | "enrich with the registry" >> beam.ParDo(Enrich(sinks)).with_output_types(Facts)
    facts | "write events, dead letters and the online store" >> beam.ParDo(Write(sinks))


class Enrich(beam.DoFn):
    """Add what the registry knows, as of the start of the bundle."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def start_bundle(self) -> None:
        """Take the registry as it is now, one for all blocks of the bundle."""
        self._registry = self._sinks.open().registry.facts()

    def process(self, parsed: Parsed) -> Iterator[Facts]:
        """Enrich one block."""
        yield enrich(parsed, self._registry)


class Write(beam.DoFn):
    """Write the blocks of a bundle together."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def start_bundle(self) -> None:
        """Begin with no block."""
        self._blocks: list[Facts] = []

    def process(self, facts: Facts) -> None:
        """Keep one block."""
        self._blocks.append(facts)

    def finish_bundle(self) -> None:
        """Write them."""
        if self._blocks:
            self._sinks.write(self._blocks)

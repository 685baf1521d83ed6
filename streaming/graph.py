"""The one Beam graph: blocks of log records in, facts in the stores out.

It is stateless and knows no time: no windows, no triggers, no timers. What must be remembered is in the stores.
The source and the runner are outside (`embedded.py`), so another engine runs this same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import apache_beam as beam

from civicrec.eventlog.ledger import Plan
from streaming import coders  # noqa: F401  # registers how blocks travel
from streaming.blocks import Facts, Parsed
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.sinks import Stores, whole_batch, write_dead_letters, write_events, write_online

Write = Callable[[Stores, Plan, Sequence[Facts]], None]


class Sinks(Protocol):
    """How a worker comes by its open stores; travels with the graph, so it must pickle."""

    def open(self) -> Stores:
        """Return the stores of this process."""
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
    facts = parsed | "enrich with the catalogue" >> beam.ParDo(Enrich(sinks)).with_output_types(Facts)
    facts | "write events" >> beam.ParDo(WriteBatch(sinks, write_events))
    facts | "write dead letters" >> beam.ParDo(WriteBatch(sinks, write_dead_letters))
    facts | "fold into the online store" >> beam.ParDo(WriteBatch(sinks, write_online))


class Enrich(beam.DoFn):
    """Add what the catalogue knows, as of the start of the bundle."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def start_bundle(self) -> None:
        """Take the catalogue as it is now, one for all blocks of the batch."""
        self._item_types = self._sinks.open().catalogue.item_types()

    def process(self, parsed: Parsed) -> Iterator[Facts]:
        """Enrich one block."""
        yield enrich(parsed, self._item_types)


class WriteBatch(beam.DoFn):
    """Hand the blocks of a bundle to one write, as the one batch they are."""

    def __init__(self, sinks: Sinks, write: Write) -> None:
        self._sinks = sinks
        self._write = write

    def start_bundle(self) -> None:
        """Begin with no block."""
        self._blocks: list[Facts] = []

    def process(self, facts: Facts) -> None:
        """Keep one block."""
        self._blocks.append(facts)

    def finish_bundle(self) -> None:
        """Write the batch."""
        if self._blocks:
            plan, blocks = whole_batch(self._blocks)
            self._write(self._sinks.open(), plan, blocks)

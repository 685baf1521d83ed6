"""The graph itself, and the part of Beam that is not public: what the driver relies on is held here."""

import inspect
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from streaming.blocks import Block, Facts, Handled, Origin
from streaming.sinks import token
from tests.builders import an_event
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import a_world


def test_the_graph_reads_as_a_paragraph(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        names = {node.unique_name for node in world.driver._graph.components.transforms.values()}
    assert {
        "read the planned blocks", "parse and validate events", "enrich with the registry",
        "write events, dead letters and the online store",
    } <= names  # fmt: skip


def test_beam_still_runs_a_graph_that_was_built_once(tmp_path: Path) -> None:
    """`run_via_runner_api` is not public: this fails when another version of Beam changes it."""
    assert version("apache-beam") == "2.77.0"
    assert list(inspect.signature(FnApiRunner.run_via_runner_api).parameters) == ["self", "pipeline_proto", "options"]
    with a_world(tmp_path) as world:
        before = deepcopy(world.driver._graph)
        for n in range(3):
            world.send([an_event(item="i1", n=n)])
            assert world.driver.step() == 1
        assert world.driver._graph == before
        assert len(world.events) == 3


def test_a_batch_of_many_blocks_reaches_each_sink_as_one(tmp_path: Path) -> None:
    with a_world(tmp_path, block_records=1) as world:
        world.send(behaviour(200), in_record=1)
        world.drain()
        assert len(world.warehouse.tokens) == 1


def test_two_drivers_in_one_process_do_not_meet(tmp_path: Path) -> None:
    with a_world(tmp_path / "1") as one, a_world(tmp_path / "2") as other:
        one.send(behaviour(10))
        other.send(behaviour(20))
        assert (one.drain(), other.drain()) == (10, 20)
        assert (len(one.events), len(other.events)) == (10, 20)


def a_block(log: str, *offsets: int) -> Facts:
    return Facts(Origin(log), -1, [Handled(offset, "a", 1, {}) for offset in offsets], {}, [], [])


def test_a_token_names_the_records_however_they_come() -> None:
    whole = token("events", [a_block("x", 1, 2, 3), a_block("y", 1)])
    assert whole == token("events", [a_block("y", 1), a_block("x", 3), a_block("x", 1, 2)])
    others = [
        token("dead_letters", [a_block("x", 1, 2, 3), a_block("y", 1)]), token("events", [a_block("x", 1, 2, 3)]),
        token("events", [a_block("x", 1, 2), a_block("y", 1, 3)]), token("events", [a_block("x", 1, 2, 4)]),
    ]  # fmt: skip
    assert len({whole, *others}) == 5


def test_a_runner_that_loses_a_block_is_found_out_and_nothing_is_committed(tmp_path: Path) -> None:
    from streaming import embedded

    with a_world(tmp_path, block_records=1) as world:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=embedded._RUN_OPTIONS)
        number = world.driver._number
        blocks = pipeline | beam.Impulse() | beam.ParDo(embedded._ReadBatch(number)) | beam.Filter(_is_first)
        embedded.build(blocks, embedded._InProcess(number))
        graph, world.driver._graph = (
            world.driver._graph, pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default()),
        )  # fmt: skip
        world.send(behaviour(10), in_record=1)
        with pytest.raises(RuntimeError, match="not committed"):
            world.driver.step()
        assert world.ledger.committed() == 0
        world.driver._graph = graph
        world.drain()
        assert {row["event_id"] for row in world.events} == {event.event_id for event in behaviour(10)}


def _is_first(block: Block) -> bool:
    return block.records[0].offset == 1

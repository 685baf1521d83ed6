"""The graph itself, and the part of Beam that is not public: what the driver relies on is held here."""

import inspect
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from civicrec.eventlog.ledger import Plan
from streaming.blocks import Facts, Place
from streaming.sinks import PartialBatch, whole_batch
from tests.builders import an_event
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import a_world

PLAN = Plan("log", 0, 9)


def a_block(index: int, count: int, plan: Plan = PLAN) -> Facts:
    return Facts(Place(plan, index, count), {}, [], [])


def test_the_graph_reads_as_a_paragraph(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        names = {node.unique_name for node in world.driver._graph.components.transforms.values()}
    assert {
        "read the planned blocks", "parse and validate events", "enrich with the catalogue", "write events",
        "write dead letters", "fold into the online store",
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
        assert world.warehouse.tokens == [f"{world.ledger.log}:0-200:events"]


def test_two_drivers_in_one_process_do_not_meet(tmp_path: Path) -> None:
    with a_world(tmp_path / "1") as one, a_world(tmp_path / "2") as other:
        one.send(behaviour(10))
        other.send(behaviour(20))
        assert (one.drain(), other.drain()) == (10, 20)
        assert (len(one.events), len(other.events)) == (10, 20)


def test_blocks_come_back_in_order() -> None:
    plan, blocks = whole_batch([a_block(2, 3), a_block(0, 3), a_block(1, 3)])
    assert plan == PLAN
    assert [block.place.index for block in blocks] == [0, 1, 2]


@pytest.mark.parametrize(
    "blocks",
    [
        [a_block(0, 2)],
        [a_block(1, 2)],
        [a_block(0, 2), a_block(0, 2)],
        [a_block(0, 2), a_block(1, 2, Plan("log", 9, 12))],
        [a_block(0, 1), a_block(0, 1)],
    ],
)
def test_a_part_of_a_batch_is_refused(blocks: list[Facts]) -> None:
    with pytest.raises(PartialBatch, match="split the bundle"):
        whole_batch(blocks)


def test_a_runner_that_splits_the_bundle_loses_nothing(tmp_path: Path) -> None:
    """A reshuffle splits the stage; the sinks notice, and nothing is committed or half-written under the token."""
    from streaming import embedded

    with a_world(tmp_path, block_records=1) as world:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=embedded._RUN_OPTIONS)
        number = world.driver._number
        blocks = pipeline | beam.Impulse() | beam.ParDo(embedded._ReadBatch(number)) | beam.Filter(_is_first)
        embedded.build(blocks, embedded._InProcess(number))
        world.driver._graph = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())
        world.send(behaviour(10), in_record=1)
        with pytest.raises(PartialBatch, match="split the bundle"):
            world.driver.step()
        assert world.events == []
        assert world.ledger.committed() == 0


def _is_first(block: Facts) -> bool:
    return block.place.index == 0

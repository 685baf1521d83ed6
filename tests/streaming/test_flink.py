"""What of the Flink runner needs no cluster: its options, its refusals, and the cut of a bundle into blocks."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as api

from civicrec.accounting.progress import Partition
from civicrec.errors import ConfigError, Unavailable
from civicrec.kafka.reader import headers_of
from civicrec.settings import FlinkSettings, KafkaSettings, Settings
from streaming.blocks import Block, Origin
from streaming.flink import job as flink
from streaming.flink.kafka_source import CutIntoBlocks, consumer_config
from streaming.flink.rest import FlinkJobs, Job
from streaming.sinks import Stores
from tests.running import free_ports


class Header(NamedTuple):
    key: str
    value: bytes


class Row(NamedTuple):
    """A record as Beam's source hands it over."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: list[Header] | None


def a_row(partition: int, offset: int, log: str = "log", log_offset: int = 0, generation: int = 0) -> Row:
    headers = [Header(*pair) for pair in headers_of(log, log_offset or offset, 2, generation)]
    return Row(partition, offset, b"actor", b"[1,2]", headers)


def cut(rows: list[Row], block_records: int = 2) -> list[Block]:
    step = CutIntoBlocks(partitions=3, block_records=block_records)
    step.start_bundle()
    found = [block for row in rows for block in step.process(row)]
    return found + [windowed.value for windowed in step.finish_bundle()]


def test_a_bundle_is_cut_by_log_and_partition_in_order() -> None:
    rows = [a_row(0, 1), a_row(1, 1), a_row(0, 3), a_row(0, 4), a_row(1, 9, "other", 5), a_row(0, 5)]
    found = {(block.origin, tuple(one.offset for one in block.records)): block.position for block in cut(rows)}
    assert found == {
        (Origin("log", Partition(3, 0)), (1, 3)): 3, (Origin("log", Partition(3, 1)), (1,)): 1,
        (Origin("log", Partition(3, 0)), (4, 5)): 5, (Origin("other", Partition(3, 1)), (5,)): 9,
    }  # fmt: skip


def test_a_log_that_was_sent_again_is_another_log() -> None:
    (block,) = cut([a_row(2, 7, log_offset=1, generation=2)])
    assert block.origin == Origin("log.2", Partition(3, 2))


@pytest.mark.parametrize(("value", "n_events"), [(b"[1,2,3]", 3), (b"nonsense", 1), (b"[]", 1)])
def test_a_record_of_another_producer_is_taken_as_it_is(value: bytes, n_events: int) -> None:
    (block,) = cut([Row(1, 0, b"who", value, None)])
    assert block.origin == Origin("partition-1", Partition(3, 1))
    (record,) = block.records
    assert (record.offset, record.record.n_events, record.record.value) == (1, n_events, value)


def test_only_what_is_committed_is_read_and_no_group_offset_is_kept() -> None:
    config = consumer_config(KafkaSettings(bootstrap="b:9092"), "job")
    assert config["isolation.level"] == "read_committed"
    assert config["enable.auto.commit"] == "false"
    assert config["auto.offset.reset"] == "earliest"


def test_a_password_cannot_break_out_of_the_login() -> None:
    kafka = KafkaSettings(
        bootstrap="b:9092", security_protocol="SASL_SSL", user="u", password='a"; b\\', ca_file=Path("/ca.pem")
    )
    config = consumer_config(kafka, "job")
    assert config["sasl.jaas.config"].endswith(r'ScramLoginModule required username="u" password="a\"; b\\";')
    assert (config["ssl.truststore.type"], config["ssl.truststore.location"]) == ("PEM", "/ca.pem")


def test_a_certificate_is_shown_from_one_file() -> None:
    kafka = KafkaSettings(bootstrap="b:9092", security_protocol="SSL", cert_file=Path("/me.pem"))
    config = consumer_config(kafka, "job")
    assert (config["ssl.keystore.type"], config["ssl.keystore.location"]) == ("PEM", "/me.pem")
    with pytest.raises(ConfigError, match="one PEM file"):
        consumer_config(kafka.model_copy(update={"key_file": Path("/me.key")}), "job")


def test_the_options_begin_from_a_checkpoint_if_there_is_one() -> None:
    settings = FlinkSettings(parallelism=3, job_name="job-a", checkpoint_interval_ms=500)
    assert not any("savepoint" in option for option in flink.options(settings, ""))
    found = flink.options(settings, "/c/chk-7")
    assert {
        "--savepoint_path=file:///c/chk-7", "--parallelism=3", "--checkpointing_interval=500", "--job_name=job-a",
        "--experiments=use_deprecated_read", "--finish_bundle_before_checkpointing",
    } <= set(found)  # fmt: skip


def a_graph(version: str) -> Any:
    graph = api.Pipeline()
    graph.components.environments["java"].capabilities.append(f"beam:version:sdk_base:apache/beam_java11_sdk:{version}")
    graph.components.environments["python"].capabilities.append(
        "beam:version:sdk_base:apache/beam_python3.11_sdk:2.1.0"
    )
    return SimpleNamespace(to_runner_api=lambda: graph)


@pytest.mark.parametrize("version", ["2.70.0", "2.77.0", "2.100.0-SNAPSHOT", "3.0.0"])
def test_a_java_half_of_a_fitting_release_is_taken(version: str) -> None:
    flink.check_java(a_graph(version), FlinkSettings())


@pytest.mark.parametrize("version", ["2.62.0", "2.69.1", "1.99.0"])
def test_a_java_half_that_is_too_old_is_refused_in_one_line(version: str) -> None:
    with pytest.raises(ConfigError, match=f"its Java half is {version}; take the jars") as refused:
        flink.check_java(a_graph(version), FlinkSettings())
    assert "\n" not in str(refused.value)


def test_nobody_there_is_said_of_each_peer() -> None:
    (port,) = free_ports(1)
    with pytest.raises(Unavailable, match="Flink's JobManager does not listen.*start-cluster"):
        flink.check_peers(FlinkSettings(rest=f"127.0.0.1:{port}"))
    with pytest.raises(Unavailable, match="is the Flink cluster up"):
        FlinkJobs(f"127.0.0.1:{port}").find("job")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(), "CIVICREC_KAFKA__BOOTSTRAP"),
        (Settings(kafka=KafkaSettings(bootstrap="b:1")), "CIVICREC_FLINK__CHECKPOINT_FOLDER"),
    ],
)
def test_a_missing_setting_is_named(settings: Settings, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        flink.checkpoint_folder(settings)


def test_a_worker_waits_for_a_store_and_gives_the_bundle_up_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def down(*_: Any) -> None:
        tries.append(1)
        if len(tries) < 3 or len(tries) > 3:
            raise Unavailable("down")

    monkeypatch.setattr(flink, "_worker_stores", lambda _: Stores(None, None, None))  # type: ignore[arg-type]
    monkeypatch.setattr(flink, "write", down)
    monkeypatch.setattr(flink, "_PAUSE_S", 0.001)
    flink.OnWorker(KafkaSettings()).write([])
    assert len(tries) == 3
    monkeypatch.setattr(flink, "_PATIENCE_S", 0.0)
    with pytest.raises(Unavailable):
        flink.OnWorker(KafkaSettings()).write([])


def test_a_job_manager_that_is_slow_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = SimpleNamespace(state="RUNNING")
    job = Job("1", "RUNNING", 0, None)
    answers = [Unavailable("timed out"), None, Job("1", "INITIALIZING", 0, None), Unavailable("timed out"), job]

    def find(*_: object) -> Job | None:
        answer = answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    monkeypatch.setattr(FlinkJobs, "find", find)
    monkeypatch.setattr(flink.time, "sleep", lambda _: None)
    assert flink._wait_running(FlinkSettings(), submitted) is job
    assert answers == []
    answers[:] = [Unavailable("timed out")] * 2
    with pytest.raises(Unavailable, match="could not start the job"):
        flink._wait_running(FlinkSettings(), SimpleNamespace(state="FAILED"))
    monkeypatch.setattr(flink, "_SUBMIT_S", 0.0)
    with pytest.raises(Unavailable, match="did not run within"):
        flink._wait_running(FlinkSettings(), submitted)


def test_status_and_help_do_not_load_beam() -> None:
    code = (
        "import sys, operations.cli, operations.commands.stages, operations.stack.state, streaming.flink.rest;"
        "assert not any(name.startswith('apache_beam') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The stream on a cluster: the same graph as a Flink job on Kafka's topic, watched by this process.

In: settings that name a Flink cluster and Beam's peers beside it. Out: a running job, begun from its newest checkpoint
and begun again when the cluster has lost it. This process may end; the job runs on.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from civicrec.clients import redis_client
from civicrec.clock import monotonic_s
from civicrec.errors import ConfigError, Unavailable
from civicrec.home import STREAM_LOCK
from civicrec.kafka.connection import check_contact, make_topics
from civicrec.kafka.dead_letters import KafkaDeadLetters
from civicrec.kafka.reader import KafkaReader
from civicrec.logs import get_logger
from civicrec.process.gc_tuning import spare_what_lives_long
from civicrec.process.heartbeat import Heart
from civicrec.process.locks import owned
from civicrec.registry.tables import open_registry
from civicrec.security.tokens import load_keys
from civicrec.settings import FlinkSettings, KafkaSettings, Settings, load_settings
from civicrec.settings.load import of_any_home
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from profiles.online.bounds import bounds_of
from profiles.online.redis_store import RedisOnlineStore
from streaming.blocks import Facts
from streaming.flink.checkpoints import newest_checkpoint, remember, starting_point
from streaming.flink.erasing import erasing
from streaming.flink.kafka_source import read_topic
from streaming.flink.rest import FlinkJobs, Job
from streaming.graph import build
from streaming.registry import RegistrySnapshot
from streaming.repair.online_watch import OnlineWatch
from streaming.sinks import Stores, write

log = get_logger("stream")

#: The oldest release of the Java half whose source of Kafka takes what this Python half asks of it.
OLDEST_JAVA = (2, 70)
_JAVA_VERSION = "beam:version:sdk_base:apache/beam_java"
#: How long a job may take from its submission until Flink runs it: the jars go to the cluster first.
_SUBMIT_S = 120.0
_LOOK_S = 1.0
#: How long one step may take: a job is submitted again with its jars, a store rebuilt slice by slice.
_STEP_S = 600.0
#: How long a worker waits for a store before it gives the bundle up, and Flink begins again from the last checkpoint.
_PATIENCE_S = 120.0
_PAUSE_S = 0.5


@cache
def _worker_stores(kafka: KafkaSettings) -> Stores:
    """Open the stores of this worker process, once, under the settings of its own environment."""
    settings = of_any_home(load_settings())
    stores = Stores(
        ClickHouseWarehouse(settings.warehouse),
        RedisOnlineStore(redis_client(settings.redis), bounds_of(settings.redis)),
        # A worker has no home: it knows who was erased only if the settings have the pepper.
        RegistrySnapshot(open_registry(settings.registry_address), load_keys(settings) if settings.pepper else None),
        KafkaDeadLetters(kafka),
    )
    spare_what_lives_long()
    return stores


@dataclass(frozen=True, slots=True)
class OnWorker:
    """The stores as a worker of the cluster has them. No secret of theirs travels with the graph, but Kafka's does."""

    kafka: KafkaSettings

    def open(self) -> Stores:
        """Return the stores of this process."""
        return _worker_stores(self.kafka)

    def write(self, blocks: Sequence[Facts]) -> None:
        """Write a bundle; while a store is down wait, and so hold the source back."""
        deadline = monotonic_s() + _PATIENCE_S
        while True:
            try:
                return write(self.open(), blocks)
            except Unavailable as fault:
                if monotonic_s() > deadline:
                    raise
                logging.getLogger("stream").warning("stream_waited: %s", fault)
                time.sleep(_PAUSE_S)


def run(settings: Settings, from_start: bool = False) -> None:
    """Start the job unless it runs, and watch it until SIGTERM or SIGINT; a job the cluster lost is started again.

    Raises
    ------
    ConfigError
        If a setting is missing, the halves of Beam do not fit, or checkpoints that were there are gone.
    Unavailable
        If a peer does not answer at the start.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    jobs = FlinkJobs(settings.flink.rest)
    folder = checkpoint_folder(settings)
    with ExitStack() as stack:
        stack.enter_context(owned(STREAM_LOCK.of(settings.home), "the stream"))
        redis = stack.enter_context(closing(redis_client(settings.redis)))
        online, heart = RedisOnlineStore(redis, bounds_of(settings.redis)), Heart()
        watch = OnlineWatch(settings, online)
        started = jobs.find(settings.flink.job_name) or start(settings, from_start)
        log.info("stream_started", runner="flink", job=started.job_id, state=started.state)
        restarts = started.restarts
        eraser = stack.enter_context(erasing(settings, online, lambda: heart.beat(_STEP_S)))
        while not stop.is_set():
            heart.beat(_STEP_S)
            try:
                _keep_complete(watch, heart)
                job = jobs.find(settings.flink.job_name)
                if job is None:
                    log.warning("job_lost", job=settings.flink.job_name)
                    job, restarts = start(settings), 0
                    log.info("job_resumed", job=job.job_id)
                if job.restarts > restarts:
                    log.warning("job_restarted", restarts=job.restarts)
                restarts = job.restarts
                if (newest := newest_checkpoint(folder)) is not None:
                    remember(settings.flink_path, newest)
            except Unavailable as fault:
                log.warning("stream_waited", reason=str(fault))
            eraser.now_and_then()
            heart.beat()
            stop.wait(_LOOK_S)
    log.info("stream_left", detail="the job runs on; `civicrec stream --runner flink --stop` ends it with a savepoint")


def _keep_complete(watch: OnlineWatch, heart: Heart) -> None:
    if not watch.look():
        is_first = not watch.kept  # a new home lacks nothing yet
        if not is_first:
            log.warning(
                "online_store_incomplete", remedy="it is rebuilt; the job waits, and lists are plainer meanwhile"
            )
        rebuilt = watch.rebuild(lambda *_: heart.beat(_STEP_S))
        log.info(
            "online_store_begun" if is_first else "online_store_rebuilt",
            interactions=rebuilt.interactions, actors_with_tags=rebuilt.actors_with_tags,
        )  # fmt: skip


def stop_job(settings: Settings) -> str:
    """End the job with a savepoint, from which the next start goes on; return where it is.

    Raises
    ------
    Unavailable
        If there is no such job, or Flink cannot.
    """
    jobs, folder = FlinkJobs(settings.flink.rest), checkpoint_folder(settings)
    job = jobs.find(settings.flink.job_name)
    if job is None:
        raise Unavailable(f"no job {settings.flink.job_name} runs at {settings.flink.rest}; nothing was stopped")
    savepoint = jobs.stop(job.job_id, folder)
    if (newest := newest_checkpoint(folder)) is not None:
        remember(settings.flink_path, newest)
    return savepoint


def checkpoint_folder(settings: Settings) -> Any:
    """Return the checkpoint folder.

    Raises
    ------
    ConfigError
        If it or Kafka is not configured.
    """
    if not settings.kafka.bootstrap:
        raise ConfigError("Flink reads Kafka's topic: set CIVICREC_KAFKA__BOOTSTRAP (docs/flink.md)")
    if settings.flink.checkpoint_folder is None:
        raise ConfigError(
            "set CIVICREC_FLINK__CHECKPOINT_FOLDER to the cluster's state.checkpoints.dir (docs/flink.md)"
        )
    return settings.flink.checkpoint_folder


def start(settings: Settings, from_start: bool = False) -> Job:
    """Submit the job from its newest checkpoint and return it when it runs; see `run` for what it raises."""
    flink = settings.flink
    check_peers(flink)
    check_contact(settings.kafka)
    make_topics(settings.kafka)
    with closing(KafkaReader(settings.kafka)) as reader:
        partitions = len(reader.partitions)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        migrate(warehouse)
    settings.home.mkdir(parents=True, exist_ok=True)
    checkpoint = starting_point(checkpoint_folder(settings), settings.flink_path, from_start)
    pipeline = beam.Pipeline(options=PipelineOptions(options(flink, str(checkpoint) if checkpoint else "")))
    try:
        rows = read_topic(pipeline, settings.kafka, flink, partitions, settings.stream.block_records)
    except Exception as error:  # whatever the expansion service answers, it is about the two halves
        raise ConfigError(_unfit(flink, str(error).strip().splitlines()[-1][:300])) from error
    build(rows, OnWorker(settings.kafka))
    check_java(pipeline, flink)
    log.info("job_submitted", job=flink.job_name, checkpoint=str(checkpoint or ""), partitions=partitions)
    result = pipeline.run()
    return _wait_running(flink, result)


def options(flink: FlinkSettings, checkpoint: str) -> list[str]:
    """Return Beam's options of the job."""
    arguments = [
        "--runner=PortableRunner",
        f"--job_name={flink.job_name}",
        f"--job_endpoint={flink.job_endpoint}",
        f"--artifact_endpoint={flink.artifact_endpoint}",
        "--environment_type=EXTERNAL",
        f"--environment_config={flink.worker_pool}",
        f"--sdk_worker_parallelism={flink.parallelism}",
        "--streaming",
        "--experiments=use_deprecated_read",
        "--experiments=disable_logging_submission_environment",
        f"--parallelism={flink.parallelism}",
        f"--checkpointing_interval={flink.checkpoint_interval_ms}",
        "--finish_bundle_before_checkpointing",
        f"--max_bundle_size={flink.bundle_records}",
        f"--max_bundle_time_mills={flink.bundle_ms}",
    ]
    return [*arguments, f"--savepoint_path=file://{checkpoint}"] if checkpoint else arguments


def check_peers(flink: FlinkSettings) -> None:
    """Open a connection to each peer.

    Raises
    ------
    Unavailable
        For the first that does not listen, with how to start it.
    """
    jar, pool = f"-{beam.__version__}.jar", "apache_beam.runners.worker.worker_pool_main"
    peers = [
        (flink.rest, "Flink's JobManager", "bin/start-cluster.sh"),
        (flink.job_endpoint, "Beam's job server", f"java -jar beam-runners-flink-1.19-job-server{jar}"),
        (flink.artifact_endpoint, "the job server's artifact port", "the job server with --artifact-port"),
        (flink.expansion_service, "Beam's expansion service", f"java -jar beam-sdks-java-io-expansion-service{jar}"),
        (flink.worker_pool, "the pool of Python workers", f"python -m {pool}"),
    ]
    for address, name, remedy in peers:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise Unavailable(
                f"{name} does not listen at {address} ({error}); start it: {remedy} (docs/flink.md)"
            ) from None


def check_java(pipeline: Any, flink: FlinkSettings) -> None:
    """See that the Java half, as it names itself in the graph, is not too old for this one.

    Raises
    ------
    ConfigError
        If it is.
    """
    graph = pipeline.to_runner_api()
    for environment in graph.components.environments.values():
        for capability in environment.capabilities:
            if capability.startswith(_JAVA_VERSION):
                version = capability.rpartition(":")[2]
                if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST_JAVA:
                    raise ConfigError(_unfit(flink, f"its Java half is {version}"))


def _unfit(flink: FlinkSettings, detail: str) -> str:
    return (
        f"the expansion service at {flink.expansion_service} does not fit this Beam {beam.__version__}: {detail}; "
        f"take the jars of release {beam.__version__}, {OLDEST_JAVA[0]}.{OLDEST_JAVA[1]} at the least (docs/flink.md)"
    )


def _wait_running(flink: FlinkSettings, result: Any) -> Job:
    jobs, deadline = FlinkJobs(flink.rest), monotonic_s() + _SUBMIT_S
    while monotonic_s() < deadline:
        with suppress(Unavailable):  # a JobManager that is busy with the jars may be slow to answer
            job = jobs.find(flink.job_name)
            if job is not None and job.state == "RUNNING":
                return job
        if result.state in ("FAILED", "CANCELLED"):
            raise Unavailable(f"the job server at {flink.job_endpoint} could not start the job; its log says why")
        time.sleep(0.5)
    raise Unavailable(
        f"the job did not run within {_SUBMIT_S:.0f} s; see the logs of the job server and the JobManager"
    )

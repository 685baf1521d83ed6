"""A Kafka broker of our own to measure or test on: one node (KRaft) on loopback, with a folder and a port it keeps."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from civicrec.errors import Unavailable
from civicrec.settings import KafkaSettings
from operations.harness.stack import free_ports
from operations.harness.waiting import wait_for

_START_S = 60.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""
_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m%n
"""


class OwnKafka:
    """One broker.

    Parameters
    ----------
    folder
        Of its data and its log, kept.
    jars
        Folder of Kafka's jars; java is found on PATH.

    Raises
    ------
    Unavailable
        If its folder cannot be prepared.
    """

    def __init__(self, folder: Path, jars: Path) -> None:
        self._jars = jars.resolve()
        self._folder = folder
        self.port, controller = free_ports(2)
        folder.mkdir(parents=True, exist_ok=True)
        properties = _PROPERTIES.format(broker=self.port, controller=controller, folder=folder)
        (folder / "server.properties").write_text(properties)
        (folder / "log4j2.properties").write_text(_LOGGING)
        self._child: subprocess.Popen[bytes] | None = None
        storage = self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c")
        done = subprocess.run(
            [*storage, folder / "server.properties"], capture_output=True, text=True, timeout=_START_S, check=False
        )
        if done.returncode:
            raise Unavailable(f"Kafka could not prepare {folder}: {(done.stderr or done.stdout)[-2_000:]}")

    @property
    def address(self) -> str:
        """``host:port`` to ask first."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Number of the process.

        Raises
        ------
        Unavailable
            If it does not run.
        """
        if self._child is None:
            raise Unavailable("the broker does not run; start it")
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._child is not None and self._child.poll() is None

    def settings(self, name: str = "", **more: Any) -> KafkaSettings:
        """Return settings for this broker, with topics of their own if a name is given."""
        topics: dict[str, Any] = (
            {f"{what}_topic": f"{name}.{what}" for what in ("events", "position", "dead")} if name else {}
        )
        return KafkaSettings(bootstrap=self.address, **topics | more)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises
        ------
        Unavailable
            If it does not; the message holds the end of its log.
        """
        with (self._folder / "out.log").open("ab") as out:
            self._child = subprocess.Popen(
                [*self._java("kafka.Kafka"), self._folder / "server.properties"], stdout=out, stderr=out
            )
        wait_for(self._answers, _START_S, lambda: f"the broker, which said: {self._log_tail}")

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def topics(self) -> list[str]:
        """Return the names of its topics."""
        from kafka import KafkaAdminClient  # this file is imported by every test run, the client by few

        client = KafkaAdminClient(bootstrap_servers=[self.address], bootstrap_timeout_ms=1_000)
        try:
            return list(client.list_topics())
        finally:
            client.close()

    def freeze(self) -> None:
        """Keep it from running; its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._child is not None:
            os.kill(self._child.pid, number)
            self._child.wait(timeout=_START_S)
            self._child = None

    @property
    def _log_tail(self) -> str:
        return (self._folder / "out.log").read_text(errors="replace")[-2_000:]

    def _answers(self) -> bool:
        if not self.is_running:
            raise Unavailable(f"the broker ended: {self._log_tail}")
        from kafka.errors import KafkaError

        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            self.topics()
        except (OSError, KafkaError):
            return False
        return True

    def _java(self, *words: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        jvm = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return ["java", *jvm, logging, "-cp", f"{self._jars}/*", *words]

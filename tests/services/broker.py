"""A real Kafka broker (KRaft, one node) on loopback, from the jars of ``tests/services/kafka/pom.xml``."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from civicrec.settings import KafkaSettings
from tests.running import free_ports, wait_for
from tests.services.maven import jars_of

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


def jars() -> Path:
    """The broker's jars."""
    return jars_of("kafka", "broker", 600)


class Broker:
    """One broker with a folder and a port that it keeps over restarts."""

    def __init__(self, folder: Path) -> None:
        self._jars = jars()
        self._folder = folder
        self.port, controller = free_ports(2)
        folder.mkdir(parents=True, exist_ok=True)
        properties = _PROPERTIES.format(broker=self.port, controller=controller, folder=folder)
        (folder / "server.properties").write_text(properties)
        (folder / "log4j2.properties").write_text(_LOGGING)
        self._child: subprocess.Popen[bytes] | None = None
        storage = self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c")
        subprocess.run([*storage, folder / "server.properties"], check=True, capture_output=True, timeout=_START_S)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def settings(self, name: str = "", **more: object) -> KafkaSettings:
        """Settings for this broker, with topics of their own if a name is given."""
        topics = {"events_topic": f"{name}.events", "position_topic": f"{name}.position"} if name else {}
        return KafkaSettings(bootstrap=self.address, **topics, **more)

    def start(self) -> None:
        with (self._folder / "out.log").open("ab") as out:
            self._child = subprocess.Popen(
                [*self._java("kafka.Kafka"), self._folder / "server.properties"], stdout=out, stderr=out
            )
        wait_for(self._answers, _START_S, f"the broker; its words are in {self._folder / 'out.log'}")

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def topics(self) -> list[str]:
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
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._child is not None:
            os.kill(self._child.pid, number)
            self._child.wait(timeout=_START_S)
            self._child = None

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, f"the broker ended: {(self._folder / 'out.log').read_text()[-2000:]}"
        from kafka.errors import KafkaError

        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            self.topics()
        except (OSError, KafkaError):
            return False
        return True

    def _java(self, *words: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return [
            "java",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            logging,
            "-cp",
            f"{self._jars}/*",
            *words,
        ]

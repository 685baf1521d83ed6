"""A Flink cluster of our own to measure or test on, with Beam's peers, on loopback.

JobManager, TaskManager, Beam's job server, its expansion service and the pool of Python workers: five processes, each
with a log of its own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from civicrec.clients import http_client
from civicrec.errors import Unavailable
from civicrec.settings import FlinkSettings
from operations.harness.load import cpu_s, family
from operations.harness.stack import free_ports
from operations.harness.waiting import wait_for

_START_S = 90.0

_OPENED = [
    "lang",
    "net",
    "io",
    "nio",
    "lang.reflect",
    "text",
    "time",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
    "util.concurrent.locks",
]
_JAVA = [
    "java",
    "-XX:+UseSerialGC",
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED),
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
]
_CONFIG = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 900m
rest.address: 127.0.0.1
rest.port: {rest}
rest.bind-address: 127.0.0.1
blob.server.port: {blob}
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: {slots}
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.task.heap.size: 640m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.managed.size: 32m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
classloader.resolve-order: parent-first
state.backend: hashmap
state.checkpoints.dir: file://{checkpoints}
state.savepoints.dir: file://{checkpoints}
state.checkpoints.num-retained: 3
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
restart-strategy: fixed-delay
restart-strategy.fixed-delay.attempts: 1000
restart-strategy.fixed-delay.delay: 1 s
heartbeat.interval: 2000
heartbeat.timeout: 8000
io.tmp.dirs: {folder}/tmp
"""


class OwnFlink:
    """The five processes, with folders and ports that they keep over restarts.

    Further TaskManagers are ``taskmanager-2`` and so on; they are started and killed by name.

    Parameters
    ----------
    folder
        Of their configuration, logs and checkpoints, kept.
    jars
        Folder of the jars of Flink and of Beam's Java half; java is found on PATH.
    env
        Environment of all of them; in it the settings under which the Python workers open the stores.
    slots
        Most parts of a job in which one TaskManager may work.
    """

    NAMES = ("jobmanager", "taskmanager", "jobserver", "expansion", "workers")

    def __init__(self, folder: Path, jars: Path, env: Mapping[str, str], slots: int = 4) -> None:
        self._jars = jars.resolve()
        self._folder = folder
        self._env = dict(env)
        self.checkpoints = folder / "checkpoints"
        for part in ("conf", "tmp", "checkpoints", "artifacts"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._rpc, self._rest, blob, self._job, self._artifact, self._inner, self._expansion, self._pool = free_ports(8)
        config = _CONFIG.format(
            rpc=self._rpc, rest=self._rest, blob=blob, slots=slots, folder=folder, checkpoints=self.checkpoints
        )
        (folder / "conf" / "flink-conf.yaml").write_text(config)
        (folder / "staged").write_text("a job must bring a file; the classes are on the cluster\n")
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def settings(self, **more: Any) -> FlinkSettings:
        """Return how to reach this cluster."""
        at = "127.0.0.1"
        return FlinkSettings(
            rest=f"{at}:{self._rest}", job_endpoint=f"{at}:{self._job}", artifact_endpoint=f"{at}:{self._artifact}",
            expansion_service=f"{at}:{self._expansion}", worker_pool=f"{at}:{self._pool}",
            checkpoint_folder=self.checkpoints, **more,
        )  # fmt: skip

    def start(self, *names: str) -> None:
        """Start these processes, by default all, and wait until they answer.

        Raises
        ------
        Unavailable
            If one runs already or does not answer; the message holds the end of its log.
        """
        chosen = names or self.NAMES
        for name in chosen:
            if name in self._children:
                raise Unavailable(f"{name} runs already; kill it first")
            self._begin(name)
            if name == "jobmanager":  # a TaskManager that comes first looks again only after ten seconds
                self._wait(name)
        for name in chosen:
            self._wait(name)

    def kill(self, *names: str) -> None:
        """``kill -9`` these processes, by default all there are, the workers' children too."""
        for name in names or [*self._children]:
            if child := self._children.pop(name, None):
                with suppress(psutil.NoSuchProcess):  # it ended by itself
                    for process in family(psutil.Process(child.pid)):
                        with suppress(psutil.NoSuchProcess):
                            process.kill()
                child.wait(timeout=_START_S)

    def close(self) -> None:
        """End everything."""
        self.kill()

    def log_tail(self, name: str, n: int = 3_000) -> str:
        """Return the end of a process's log."""
        path = self._folder / f"{name}.log"
        return path.read_text(errors="replace")[-n:] if path.exists() else ""

    def complete_checkpoints(self) -> int:
        """Return how many complete checkpoints are kept."""
        return len(list(self.checkpoints.glob("*/chk-*/_metadata")))

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU-seconds of each process and its children."""
        return {name: cpu_s(psutil.Process(child.pid)) for name, child in self._children.items()}

    def _begin(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as out:
            # The pool starts `python` as it finds it.
            env = {**self._env, "PATH": f"{Path(sys.executable).parent}:{self._env['PATH']}"}
            self._children[name] = subprocess.Popen(
                self._command(name), stdout=out, stderr=out, env=env, cwd=self._folder, start_new_session=True
            )

    def _command(self, name: str) -> list[str]:
        conf, at = self._folder / "conf", "127.0.0.1"
        match name.partition("-")[0]:
            case "jobmanager":
                main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
                return self._java("512m", main, "--configDir", str(conf))
            case "taskmanager":
                main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
                return self._java("768m", main, "--configDir", str(conf))
            case "jobserver":
                return self._java(
                    "256m", "org.apache.beam.runners.flink.FlinkJobServerDriver", f"--flink-master={at}:{self._rest}",
                    f"--flink-conf-dir={conf}", f"--job-port={self._job}", f"--artifact-port={self._artifact}",
                    f"--expansion-port={self._inner}", f"--artifacts-dir={self._folder / 'artifacts'}",
                )  # fmt: skip
            case "expansion":
                return self._java(
                    "256m", "org.apache.beam.sdk.expansion.service.ExpansionService", str(self._expansion),
                    "--javaClassLookupAllowlistFile=*", "--defaultEnvironmentType=EMBEDDED",
                    f"--filesToStage={self._folder / 'staged'}", "--experiments=use_deprecated_read",
                )  # fmt: skip
            case _:
                return [
                    sys.executable,
                    "-m",
                    "apache_beam.runners.worker.worker_pool_main",
                    f"--service_port={self._pool}",
                ]

    def _java(self, heap: str, *words: str) -> list[str]:
        return [*_JAVA, f"-Xmx{heap}", "-cp", f"{self._jars}/*", *words]

    def _wait(self, name: str) -> None:
        wait_for(lambda: self._answers(name), _START_S, lambda: f"{name}, which said: {self.log_tail(name)}")

    def _answers(self, name: str) -> bool:
        if self._children[name].poll() is not None:
            raise Unavailable(f"{name} ended: {self.log_tail(name)}")
        port = {"jobserver": self._job, "expansion": self._expansion, "workers": self._pool}.get(name, self._rest)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            if port == self._rest:
                with http_client(timeout=2) as client:
                    overview = client.get(f"http://127.0.0.1:{self._rest}/overview").json()
                begun = sum(child.startswith("taskmanager") for child in self._children)
                return name == "jobmanager" or overview["taskmanagers"] >= begun
        except (OSError, httpx.HTTPError, KeyError, ValueError):
            return False
        return True

"""The jobs of a Flink cluster through its REST interface. Knows nothing of Beam, so `civicrec status` may ask, too.

In: the JobManager's address and a job's name. Out: `Job`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from civicrec.clients import http_client
from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable

_TIMEOUT_S = 5.0
_RUNNING = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "RECONCILING"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the cluster.

    Attributes
    ----------
    restarts
        Times Flink restarted it since it was submitted.
    checkpoint_ms
        When its newest checkpoint was complete, epoch milliseconds; None before the first.
    """

    job_id: str
    state: str
    restarts: int
    checkpoint_ms: int | None


class FlinkJobs:
    """Asks one JobManager.

    Raises
    ------
    Unavailable
        From every method, if it does not answer.
    """

    def __init__(self, rest: str) -> None:
        self._rest = rest
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each look at the job

    def find(self, name: str) -> Job | None:
        """Return the living job of this name, None if there is none."""
        jobs = self._get("/jobs/overview")["jobs"]
        living = [job for job in jobs if job["name"] == name and job["state"] in _RUNNING]
        if not living:
            return None
        newest = max(living, key=lambda job: job["start-time"])
        job_id = newest["jid"]
        latest = self._facts(f"/jobs/{job_id}/checkpoints").get("latest", {}).get("completed")
        metrics = self._facts(f"/jobs/{job_id}/metrics?get=numRestarts")
        restarts = int(float(metrics[0]["value"])) if metrics else 0
        return Job(job_id, newest["state"], restarts, latest["latest_ack_timestamp"] if latest else None)

    def _facts(self, path: str) -> Any:
        """Ask for what a job that is just being set up answers with an error: nothing is known yet."""
        try:
            return self._get(path)
        except Unavailable as fault:
            if isinstance(fault.__cause__, httpx.HTTPStatusError):
                return {}
            raise

    def stop(self, job_id: str, folder: Path, timeout_s: float = 120.0) -> str:
        """Stop a job with a savepoint; return where that is."""
        body = {"target-directory": f"file://{folder}", "cancel-job": True}
        request = self._post(f"/jobs/{job_id}/savepoints", body)
        deadline = monotonic_s() + timeout_s
        while monotonic_s() < deadline:
            answer = self._get(f"/jobs/{job_id}/savepoints/{request['request-id']}")
            if answer["status"]["id"] == "COMPLETED":
                operation = answer["operation"]
                if "location" in operation:
                    return str(operation["location"])
                reason = operation.get("failure-cause", {}).get("class", "no reason given")
                raise Unavailable(f"Flink could not make a savepoint ({reason}); the job runs on")
            time.sleep(0.2)
        raise Unavailable(f"Flink made no savepoint within {timeout_s:.0f} s; try again")

    def _get(self, path: str) -> Any:
        return self._ask("GET", path)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        # Nothing here is TLS, and reading the machine's authorities takes longer than the question.
        with self._faults(), http_client(base_url=f"http://{self._rest}", timeout=_TIMEOUT_S, verify=False) as client:
            return client.request(method, path, **more).raise_for_status().json()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, ValueError) as error:
            detail = str(error) or type(error).__name__
            raise Unavailable(
                f"the JobManager at {self._rest} does not answer: {detail}; is the Flink cluster up?"
            ) from error

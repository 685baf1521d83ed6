"""What the stack is doing now: books, freshness, who answers, how much memory. Answers also when nothing runs.

In: settings. Out: `StackState`, the content of `civicrec status --json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import psutil

from civicrec.accounting.books import Books, read_books
from civicrec.accounting.served import ServedCounts, served_counts
from civicrec.clock import to_ms
from civicrec.errors import CivicrecError
from civicrec.home import STACK_LOCK
from civicrec.process.locks import is_owned
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.endpoints import peers, readiness, what_is_wrong
from operations.stack.flink_state import FlinkState, look_at_flink
from operations.stack.holes import alarms
from operations.stack.problems import audit_head_of, online_problems, problems_of
from operations.stack.supervisor import state_path
from operations.stack.valkey import set_aside, valkey_folder


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process that the supervisor looks after.

    Attributes
    ----------
    pid
        None while it waits to be started again.
    alive
        Whether a process with that number runs.
    restarts
        Times it or a worker of it was started again since `civicrec up`.
    rss_mb
        Memory of it and its workers, MB; pages they share count once each.
    killed_silent
        Of these, the times it was killed because it gave no sign of life.
    silent_s
        Seconds since its last sign of life, while that is too long ago; else 0.
    says
        Its own words, if it has anything to say.
    """

    pid: int | None
    alive: bool
    restarts: int
    rss_mb: int
    killed_silent: int = 0
    silent_s: float = 0.0
    says: str = ""


@dataclass(frozen=True, slots=True)
class StackState:
    """The stack at one moment.

    Attributes
    ----------
    books
        None if the event log cannot be read.
    freshness_s
        Age of the newest stored event, seconds; None if nothing is stored or the warehouse does not answer.
    answers
        Process → whether its endpoint answers.
    processes
        As the supervisor of this home started them; empty when none runs.
    problems
        What is wrong, one sentence each; empty means all is well.
    served
        What became of the lists that are kept; None if that cannot be told.
    flink
        The job, where the stream runs on a cluster; None where it does not, or nothing can be said.
    online
        What the online store says of itself: whether it is complete, its actors, what it shed, its memory.
    set_aside
        Folders of an online store whose files were damaged; the store began empty and was rebuilt.
    audit
        Head of the audit log, NUMBER:DIGEST; noted elsewhere it shows later whether rows were cut or written anew.
    """

    books: Books | None
    freshness_s: float | None
    answers: dict[str, bool]
    processes: dict[str, ProcessState]
    problems: tuple[str, ...]
    served: ServedCounts | None = None
    flink: FlinkState | None = None
    online: dict[str, object] | None = None
    set_aside: list[str] = field(default_factory=list)
    audit: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the keys of contracts.md, section 4, and the rest."""
        facts: dict[str, Any] = asdict(self)
        books = facts.pop("books") or {}
        memory = sum(process.rss_mb for process in self.processes.values())
        return {**books, **facts, "memory_mb": memory, "ok": not self.problems}


def look(settings: Settings, now: datetime) -> StackState:
    """Ask everything that can be asked; what cannot is a problem in the answer, never an exception."""
    problems: list[str] = []
    books = freshness_s = None
    try:
        books = read_books(settings)
    except CivicrecError as error:
        problems.append(f"the books cannot be read: {error}")
    if books is not None and not books.balanced and not books.missing:
        problems.append("the books do not balance: accepted differs from stored + rejected + pending")
    wrong = {name: what_is_wrong(name, settings) for name in peers(settings)}
    answers = {name: not fault for name, fault in wrong.items()}
    problems += [f"{name} {fault}" for name, fault in wrong.items() if fault]
    ready = readiness("collect", settings) if answers["collect"] else {}
    problems += ready.get("problems", [])
    if settings.kafka.bootstrap:
        explained = books and (books.missing or books.waiting(now, settings.alarms.waiting_s))
        if "detail" in ready and not explained:
            problems.append(f"Kafka does not keep up with the event log: {ready['detail']}")
    if answers["serve"]:
        problems += [sentence for sentence in readiness("serve", settings).get("problems", [])]
    if answers["warehouse"]:
        try:
            freshness_s = _freshness_s(settings, now)
        except CivicrecError as error:
            problems.append(f"the warehouse cannot tell the newest event: {error}")
        try:
            problems += alarms(settings, now)
        except CivicrecError as error:
            problems.append(f"it cannot be told whether the warehouse has everything: {error}")
    online = None
    if answers["valkey"]:
        try:
            online, faults = online_problems(settings)
            problems += faults
        except CivicrecError as error:
            problems.append(f"the online store cannot tell its state: {error}")
    problems += problems_of(settings, books, now)
    flink = None
    if settings.stream.runner == "flink":
        try:
            flink = look_at_flink(settings, now)
            if flink.state != "RUNNING":
                problems.append(f"the Flink job {settings.flink.job_name} is {flink.state.lower()}")
        except CivicrecError as error:
            problems.append(f"the Flink job cannot be looked at: {error}")
    processes = _processes(settings, now)
    if not processes:
        problems.append(f"no stack runs on {settings.home}; start one with `civicrec up`")
    problems += [f"process {name} is down and is being restarted" for name, one in processes.items() if not one.alive]
    problems += [
        f"process {name} has given no sign of life for {one.silent_s:.0f} s: it hangs or was stopped; after "
        f"{settings.silent_s:g} s it is killed and started again"
        for name, one in processes.items()
        if one.silent_s
    ]
    problems += [f"process {name}: {one.says}" for name, one in processes.items() if one.says]
    aside = [folder.name for folder in set_aside(valkey_folder(settings))]
    served = None
    try:
        served = served_counts(settings.served_path)
    except CivicrecError as error:
        problems.append(str(error))
    audit = ""
    with suppress(CivicrecError):  # that the registry is away is among the problems already
        audit = audit_head_of(settings)
    problems = list(dict.fromkeys(problems))
    return StackState(books, freshness_s, answers, processes, tuple(problems), served, flink, online, aside, audit)


def _freshness_s(settings: Settings, now: datetime) -> float | None:
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        newest = warehouse.rows("SELECT toUnixTimestamp64Milli(maxOrNull(received_at)) AS at_ms FROM events")[0][
            "at_ms"
        ]
    return None if newest is None else max(0, to_ms(now) - newest) / 1000


def _processes(settings: Settings, now: datetime) -> dict[str, ProcessState]:
    if not is_owned(STACK_LOCK.of(settings.home)):  # a supervisor that was killed could not tidy up
        return {}
    try:
        state = json.loads(state_path(settings).read_text())
    except (OSError, ValueError):
        return {}
    entries = {"up": {"pid": state["supervisor"], "restarts": 0}, **state["processes"]}
    return {name: _process(name, entry, now) for name, entry in entries.items()}


def _process(name: str, entry: Mapping[str, Any], now: datetime) -> ProcessState:
    pid, since_ms = entry["pid"], entry.get("silent_since_ms", 0)
    facts = {
        "restarts": entry["restarts"],
        "killed_silent": entry.get("killed_silent", 0),
        "silent_s": max(0.1, (to_ms(now) - since_ms) / 1000) if since_ms else 0.0,
        "says": entry.get("says", ""),
    }
    try:
        if pid is None:
            return ProcessState(None, False, rss_mb=0, **facts)
        process = psutil.Process(pid)
        # The supervisor's children have lines of their own.
        family = [process] if name == "up" else [process, *process.children(recursive=True)]
        rss = sum(one.memory_info().rss for one in family)
        return ProcessState(pid, process.status() != psutil.STATUS_ZOMBIE, rss_mb=rss >> 20, **facts)
    except psutil.Error:
        return ProcessState(pid, False, rss_mb=0, **facts)

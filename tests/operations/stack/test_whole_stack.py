import json
import re

import psutil
import pytest

from tests.running import RunningStack, wait_for

pytestmark = pytest.mark.stack
WORDS = ("online_store_begun", "the catalogue is empty")


def test_the_whole_stack_is_well_and_small(stack: RunningStack) -> None:
    def when_well() -> str:
        done = stack.civicrec("status", "--json", check=False)
        return done.stdout if done.returncode == 0 else ""

    facts = json.loads(wait_for(when_well, what="a stack without problems"))
    assert facts["problems"] == []
    assert facts["balanced"] is True
    assert set(facts["processes"]) == {"up", "valkey", "warehouse", "collect", "stream", "serve"}
    assert all(process["alive"] and process["restarts"] == 0 for process in facts["processes"].values())
    assert facts["memory_mb"] <= 1_536


def test_a_first_start_speaks_of_no_damage_and_says_what_to_do_next(stack: RunningStack) -> None:
    wait_for(lambda: all(word in stack.log for word in WORDS), 30, "the first words")
    began = max(stack.log.index(word) for word in WORDS)
    said = stack.log[:began]
    assert not [line for line in said.splitlines() if re.search(r"\[(warning|error|critical)|incomplete|rebuilt", line)]
    told = next(line for line in stack.log.splitlines() if "the catalogue is empty" in line)
    assert f"civicrec catalog import FILE --format civicrec --home {stack.settings.home}" in told
    assert "civicrec site add ID --origin" in told


def test_every_port_is_on_loopback_only(stack: RunningStack) -> None:
    leaders = [psutil.Process(pid) for pid in stack.pids().values()]
    ours = {process.pid for leader in leaders for process in (leader, *leader.children(recursive=True))}
    listening = {
        link.laddr.ip
        for link in psutil.net_connections("tcp")
        if link.pid in ours and link.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

import json

import psutil
import pytest

from tests.running import RunningStack, wait_for

pytestmark = pytest.mark.stack


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


def test_every_port_is_on_loopback_only(stack: RunningStack) -> None:
    leaders = [psutil.Process(pid) for pid in stack.pids().values()]
    ours = {process.pid for leader in leaders for process in (leader, *leader.children(recursive=True))}
    listening = {
        link.laddr.ip
        for link in psutil.net_connections("tcp")
        if link.pid in ours and link.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

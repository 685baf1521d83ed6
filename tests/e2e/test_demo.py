"""The demo as a new user runs it: real processes, a small city, one list before and after three clicks."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import environment, settings_on_free_ports

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
LINE = re.compile(r"^ *\d+\. \[\w+\] (.+)$", re.MULTILINE)


#: Runs a command where there is no network but this machine's own.
CUT_OFF = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def can_be_cut_off() -> bool:
    """Say whether this system lets a test take its processes off the network."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*CUT_OFF, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(
    not can_be_cut_off(), reason="needs unshare and ip (Debian: util-linux, iproute2), and leave to use them"
)
def test_cut_off_nothing_but_this_machine_is_reached() -> None:
    reach = "import socket; socket.create_connection(('{}', 9), timeout=5)"
    faults = [
        subprocess.run(
            [*CUT_OFF, sys.executable, "-c", reach.format(host)], capture_output=True, text=True, check=False
        ).stderr
        for host in ("192.0.2.1", "127.0.0.1")
    ]
    assert "unreachable" in faults[0]
    assert "refused" in faults[1]


def test_three_clicks_change_the_list_for_the_reason_given_without_a_network(tmp_path: Path) -> None:
    """The whole stack, its night of training included, reaches out to nobody; where it cannot be cut off, as it is."""
    home = tmp_path / "demo"
    cut_off = CUT_OFF if can_be_cut_off() else ()
    done = subprocess.run(
        [*cut_off, sys.executable, "-m", "civicrec", "demo", "--exit", "--visitors", "300", "--home", str(home)],
        env=environment(settings_on_free_ports(home)), capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, rest = done.stdout.split("The visitor clicks:")
    clicked, after = rest.split("After: the same visitor")
    titles = [line.strip() for line in clicked.strip().splitlines()[:3]]
    assert len(LINE.findall(before)) == len(LINE.findall(after)) == 8
    assert LINE.findall(before) != LINE.findall(after)
    assert not set(titles) & set(LINE.findall(after)), "what was clicked is not recommended again"
    assert any(f"《{title}》" in after for title in titles), after
    assert "Portal  http://127.0.0.1:" in done.stderr


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "demo", "--exit", "--home", str(tmp_path)],
        env=environment(settings_on_free_ports(tmp_path)), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "not a demo" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"

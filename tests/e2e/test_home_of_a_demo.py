"""A home after a demo, a night and a reprocessing holds what `civicrec.home` names and nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from civicrec.home import FILES, unknown_files
from operations.stack.doctor import examine
from tests.running import environment, running_stack, settings_on_free_ports

#: Written by those who run the stack for a test, not by civicrec.
_OF_THE_TEST = "stack.log"


@pytest.mark.stack
def test_every_file_after_demo_night_and_reprocessing_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = settings_on_free_ports(home)
    demo = [sys.executable, "-m", "civicrec", "demo", "--exit", "--visitors", "100", "--home", str(home)]
    subprocess.run(demo, env=environment(settings), check=True, capture_output=True, timeout=300)
    assert unknown_files(home) == []
    today = utc_now().date()
    with running_stack(home, settings=settings) as stack:
        stack.civicrec("nightly")
        stack.civicrec("events", "reprocess", "--from", f"{today - timedelta(days=2)}", "--until", f"{today}")
        (tmp_path / "line.jsonl").write_text("")
        stack.civicrec("events", "load", "--history", str(tmp_path / "line.jsonl"), check=False)
        assert set(unknown_files(home)) <= {_OF_THE_TEST}
        found = {file.name for file in FILES if list(home.glob(file.name))}
        assert {"stack.json", "nightly.json", "reprocess.lock", "history.lock", "civicrec-demo", "models"} <= found
    (home / _OF_THE_TEST).unlink()
    assert "home files" not in {finding.name for finding in examine(settings)}

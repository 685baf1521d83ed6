"""The README's terminal session works as printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from civicrec.eventlog.books import read_books
from tests.running import running_stack, wait_for

ROOT = Path(__file__).parents[2]


@pytest.mark.stack
def test_the_http_session_of_the_readme_works(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    session = re.search(r"## The same by HTTP\n\n```sh\n(.*?)```", text, re.DOTALL)
    assert session
    lines = session[1].replace(". .venv/bin/activate\n", "").replace("civicrec up &", "")
    promised = re.search(r'^# (\{"accepted".*?\}) ', lines, re.MULTILINE)
    assert promised
    with running_stack(tmp_path / "home") as stack:
        for name, port in (("8701", stack.settings.collector.port), ("8702", stack.settings.serving.port)):
            lines = lines.replace(f"localhost:{name}", f"127.0.0.1:{port}")
        until_streamed, nightly = lines.split("civicrec nightly")
        env = stack.env | {"PATH": f"{Path(sys.executable).parent}:{stack.env['PATH']}"}

        def run(commands: str) -> str:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", commands], env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{commands}\n{done.stderr}"
            return done.stdout

        shown = run(until_streamed)
        assert promised[1] in shown
        assert '"reasons"' in shown
        wait_for(lambda: read_books(stack.settings).stored == 1, 30, "the event to be stored")
        manifest = json.loads(run("civicrec nightly" + nightly))
        assert manifest["run"]

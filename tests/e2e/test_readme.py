"""The README's terminal session works as printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from civicrec.accounting.books import read_books
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
        imported, events_and_lists = lines.split("\n\n", maxsplit=1)
        events_and_lists, nightly = events_and_lists.split("civicrec nightly")
        env = stack.env | {"PATH": f"{Path(sys.executable).parent}:{stack.env['PATH']}"}

        def run(commands: str) -> str:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", commands], env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{commands}\n{done.stderr}"
            return done.stdout

        run(imported)
        # A reader takes a moment between the lines; a loaded machine may need more than that to see the catalogue move.
        item = f"http://127.0.0.1:{stack.settings.serving.port}/v1/items/a-1/related"
        # Each connection meets one of the workers by chance.
        wait_for(
            lambda: all(httpx.get(item).status_code == 200 for _ in range(20)), 30, "every worker to know the item"
        )
        shown = run(events_and_lists)
        assert promised[1] in shown
        assert '"reasons"' in shown
        wait_for(lambda: read_books(stack.settings).stored == 1, 30, "the event to be stored")
        manifest = json.loads(run("civicrec nightly" + nightly))
        assert manifest["run"]

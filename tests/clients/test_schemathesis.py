"""Schemathesis asks both processes what their documents say they take, and holds every answer to the same document."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import KEY
from tests.running import RunningStack

pytestmark = pytest.mark.stack
#: A text may be a site, a scene, a cursor, an id: of the right type and refused all the same. And null and blank mean
#: "not given" where the document names a type, a code may be a number, a list one text.
NOT_ASKED = "positive_data_acceptance,negative_data_rejection"
#: The cases that follow from the document alone take some 10 s of it; what is left goes to made-up ones.
MAX_S, LONG_S = 18, 300


@pytest.mark.parametrize("max_s", [MAX_S, pytest.param(LONG_S, marks=pytest.mark.slow)])
@pytest.mark.parametrize("process", ["serving", "collector"])
def test_every_answer_is_as_the_document_says(
    of_a_site: RunningStack, process: str, max_s: int, tmp_path: Path
) -> None:
    url = getattr(of_a_site, f"{process}_url")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--seed", "20260131",
            "--header", f"X-API-Key: {KEY}", "--exclude-checks", NOT_ASKED, "--phases", "examples,coverage,fuzzing",
            "--max-examples", "15", "--max-time", str(max_s), "--no-color", "--request-timeout", "20",
            "--suppress-health-check", "all", "--continue-on-failure",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=max_s + 250,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-1_000:]

"""The shape of the house: who imports whom, how heavy a process is, how long a file may be."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("civicrec", "collectors", "streaming", "profiles", "recommender", "serving", "operations")
HEAVY = ("apache_beam", "sklearn", "implicit")


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module", ["serving.app", "serving.server", "collectors.app", "operations.cli", "operations.stack.supervisor"]
)
def test_a_light_process_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    files = [path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    assert [str(path) for path in files if len(path.read_text().splitlines()) > 500] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "base", "manager", "common", "misc"}
    names = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py") if path.stem in empty_words]
    assert names == []

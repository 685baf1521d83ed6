"""The wheel holds the seven packages and what they need at run time, nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Sources and build of the tracker; what is made of them, collectors/static and serving/static, is in the wheel.
TRACKER = ROOT / "collectors" / "tracker"
PACKAGES = {"civicrec", "collectors", "streaming", "profiles", "recommender", "serving", "operations"}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_top_level_names_are_the_seven_packages(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_tracker_is_in_the_wheel_and_its_sources_are_not(wheel_names: set[str]) -> None:
    assert {name for name in wheel_names if "tracker" in name or name.endswith("c.js")} == {"collectors/static/c.js"}


def test_every_package_is_typed(wheel_names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel_names


def test_every_data_file_of_the_tree_is_in_the_wheel(wheel_names: set[str]) -> None:
    endings = {".sql", ".toml", ".js", ".css", ".html", ".jsonl", ".lua", ".svg"}
    data = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in endings and TRACKER not in path.parents
    }
    assert data
    assert data <= wheel_names

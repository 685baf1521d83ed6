"""The jars of the real services, fetched by Maven as the poms beside this file name them."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

#: Where the jars of the services are, a folder each.
CACHE = Path(__file__).parents[2] / ".cache"


def kafka_jars() -> Path:
    """The broker's jars."""
    return _jars_of("kafka", "broker", 600)


def flink_jars() -> Path:
    """The cluster's jars."""
    return _jars_of("flink", "cluster", 900)


def _jars_of(service: str, what: str, timeout_s: int) -> Path:
    """The folder of the jars of the service's pom, fetched the first time; skips the test where that cannot be."""
    for program in ("java", "mvn"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; the real {what} needs java and mvn")
    cache = CACHE / service
    if not cache.exists():
        cache.parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=cache.parent))  # whole or not at all, also with several tests at once
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", Path(__file__).parent / service / "pom.xml", "dependency:copy-dependencies",
             "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(folder)
            pytest.skip(f"Maven could not fetch the {what}'s jars: {done.stdout[-300:]}")
        folder.rename(cache) if not cache.exists() else shutil.rmtree(folder)
    return cache

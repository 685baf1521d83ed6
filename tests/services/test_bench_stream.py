"""``civicrec bench stream --runner flink``: its figures on a real cluster, and what it says where there can be none."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from operations.bench import stream_on_flink
from operations.cli import main
from operations.harness.flink import OwnFlink
from tests.services.maven import CACHE, flink_jars, kafka_jars


def bench(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command in this process and return how it exits."""
    monkeypatch.setattr(sys, "argv", ["civicrec", "bench", "stream", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert bench(monkeypatch, *words) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    return output.err


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these and no other programs be on PATH."""
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_java_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs(tmp_path, monkeypatch)
    output = refused(monkeypatch, capsys, "--runner", "flink")
    assert "none is on PATH" in output
    assert "make services" in output


@pytest.mark.parametrize(("there", "missing"), [([], "kafka"), (["kafka/kafka_2.13-4.1.0.jar"], "flink")])
def test_without_jars_it_names_the_folder_and_how_to_fill_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    there: list[str],
    missing: str,
) -> None:
    programs(tmp_path, monkeypatch, "java")
    for jar in there:
        (tmp_path / jar).parent.mkdir()
        (tmp_path / jar).touch()
    output = refused(monkeypatch, capsys, "--runner", "flink", "--services", str(tmp_path))
    assert f"{tmp_path / missing} holds no" in output
    assert "make services" in output


@pytest.mark.parametrize("words", [["--parallelism", "2"], ["--services", "."], ["--no-recovery"]])
def test_what_belongs_to_flink_is_refused_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert "belong to --runner flink" in refused(monkeypatch, capsys, *words)


def figures_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert bench(monkeypatch, "--runner", "flink", "--json", *words) == 0
    return json.loads(capsys.readouterr().out)["flink"]  # type: ignore[no-any-return]


def assert_figures(flink: dict[str, Any], parallelism: int, n_events: int, seconds: int) -> None:
    figures = flink["parallelism"][str(parallelism)]
    assert flink["events"] == n_events
    assert figures["sent"] == figures["stored"] == 1_000 + n_events + stream_on_flink.RATE * seconds
    assert figures["doubled"] == 0
    assert figures["balanced"] is True
    assert figures["events_per_s"] > 100
    cpu = figures["cpu_s_per_million_events"]
    assert set(cpu) == {*OwnFlink.NAMES, "kafka", "valkey", "warehouse"}
    assert min(cpu["taskmanager"], cpu["workers"]) > 1
    loop = flink["plain_loop_cpu_s_per_million_events"]
    assert figures["ratio_to_plain_loop"] == pytest.approx(loop / (cpu["taskmanager"] + cpu["workers"]), rel=0.05)
    assert 0 < figures["freshness_ms"]["p50"] <= figures["freshness_ms"]["p95"] < 30_000


@pytest.mark.services
@pytest.mark.timeout(600)
def test_bench_measures_a_job_and_all_it_sent_is_stored_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka_jars(), flink_jars()
    monkeypatch.setattr(stream_on_flink, "SECONDS", 5)
    words = ["--services", str(CACHE), "--events", "20000", "--parallelism", "1", "--no-recovery"]
    flink = figures_of(monkeypatch, capsys, *words)
    assert list(flink["parallelism"]) == ["1"]
    assert_figures(flink, 1, 20_000, 5)
    assert "recovery" not in flink["parallelism"]["1"]


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_bench_measures_each_parallelism_and_how_soon_it_is_back_when_all_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for jars in (kafka_jars(), flink_jars()):
        (tmp_path / ".cache" / jars.name).parent.mkdir(exist_ok=True)
        (tmp_path / ".cache" / jars.name).symlink_to(jars)
    monkeypatch.chdir(tmp_path)  # where `--services` is not named, they are below the folder one is in
    flink = figures_of(monkeypatch, capsys, "--events", "50000", "--parallelism", "2", "--parallelism", "1")
    for parallelism in (2, 1):
        assert_figures(flink, parallelism, 50_000, stream_on_flink.SECONDS)
    recovery = flink["parallelism"]["2"]["recovery"]
    assert "recovery" not in flink["parallelism"]["1"]
    assert 5 < recovery["stored_again_s"] < 150
    assert recovery["stored"] == recovery["sent"] > flink["parallelism"]["2"]["sent"]
    assert recovery["balanced"] is True

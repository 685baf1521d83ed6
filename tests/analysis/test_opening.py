"""Where there is nothing to open, `connect` says so in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import civicrec
from civicrec.errors import ConfigError, Unavailable
from tests.running import RunningStack, free_ports

pytestmark = pytest.mark.stack


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CIVICREC_WAREHOUSE__PORT", str(free_ports(1)[0]))
    monkeypatch.chdir(tmp_path)


def _said(home: Path | None) -> str:
    with pytest.raises((ConfigError, Unavailable)) as caught:
        civicrec.connect(home)
    return str(caught.value)


def test_no_home(tmp_path: Path) -> None:
    assert re.search(
        r"there is no home at .*/nowhere: name one, connect\(home=…\) or CIVICREC_HOME", _said(tmp_path / "nowhere")
    )
    assert "there is no home at" in _said(None)


def test_a_folder_that_is_no_home(tmp_path: Path) -> None:
    assert "holds no warehouse: it is no home of civicrec" in _said(tmp_path)


def test_a_home_of_an_older_version(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "reader.key").write_text("reader-password-of-2026")
    assert "last started by an older version, without analysts: start it once with this one" in _said(tmp_path)


def test_a_home_that_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "analyst.key").touch(0o600)
    (tmp_path / "analyst.key").write_text("analyst-password-of-2026")
    assert _said(tmp_path).endswith("start it with `civicrec up`, then connect again")


def test_another_home_than_the_one_that_runs(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVICREC_WAREHOUSE__PORT", str(stack.settings.warehouse.port))
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "analyst.key").touch(0o600)
    (tmp_path / "analyst.key").write_text("analyst-password-of-2026")
    assert "home" in _said(tmp_path)


def test_the_home_that_is_named(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVICREC_WAREHOUSE__PORT", str(stack.settings.warehouse.port))
    with civicrec.connect(str(stack.settings.home)) as session:
        assert str(stack.settings.home) in repr(session)
        assert session.sql("SELECT currentRoles() AS roles")["roles"][0].tolist() == ["analyst"]
    monkeypatch.setenv("CIVICREC_HOME", str(stack.settings.home))
    with civicrec.connect() as session:
        assert not session.sql("SELECT kind FROM events LIMIT 1").empty

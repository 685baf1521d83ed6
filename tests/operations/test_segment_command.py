"""``civicrec segment``: from a file to a number after a real night, and what is said when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from civicrec.clock import utc_now
from civicrec.errors import CivicrecError
from civicrec.registry.audit import audit_rows
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings, WarehouseSettings
from operations.cli import app
from operations.nightly import run_nightly
from tests.operations.nights import an_event, fill_catalogue, store_events

pytestmark = pytest.mark.stack
RULE = {"all": [{"count": "click", "tags": ["theme:就业创业"], "days": 30, "at_least": 1}, {"tag": "theme:就业创业"}]}


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["segment", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: settings)
    return settings


def write(folder: Path, **facts: Any) -> str:
    path = folder / f"segment-{len(list(folder.iterdir()))}.json"
    text = {"id": "jobs", "name": "关注就业", "owner": "人社局", "description": "春招", "rule": RULE, **facts}
    path.write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
    return str(path)


def a_night(own: Settings, n_people: int) -> None:
    fill_catalogue(own)
    people = [f"{n:032x}" for n in range(n_people)]
    now = utc_now()
    store_events(own, [an_event(n, now, actor=one, subject_id=one, anonymous_id="") for n, one in enumerate(people)])
    assert run_nightly(own)["segments"]["items"] == 12


def test_from_a_file_to_a_number_and_its_history(own: Settings, tmp_path: Path) -> None:
    file = write(tmp_path)
    with pytest.raises(CivicrecError, match="there is none yet; run `civicrec nightly`"):
        run("preview", file)
    assert run("put", file, "--why", "春招") == "jobs version 1\n"
    assert "not counted yet" in run("list")
    a_night(own, 23)
    assert run("preview", file).startswith("约 20 人（截至 ")
    told = json.loads(run("members-count", "jobs", "--why", "看一看", "--json"))
    assert (told["members"], told["text"], told["tags"]) == (20, "约 20 人", ["theme:就业创业"])
    (row,) = map(json.loads, run("list", "--json").splitlines())
    assert (row["id"], row["size"]["members"], row["size"]["entered_text"]) == ("jobs", 20, "—")
    shown = json.loads(run("show", "jobs"))
    assert (shown["segment"]["version"], shown["segment"]["rule"], shown["size"]["text"]) == (1, RULE, "约 20 人")
    edited = write(tmp_path, **shown["segment"] | {"name": "求职"})
    assert run("put", edited, "--why", "改名") == "jobs version 2\n"
    with pytest.raises(CivicrecError, match="was edited from version 1, and version 2 is there"):
        run("put", write(tmp_path, **shown["segment"] | {"name": "就业"}), "--why", "改名")
    assert run("delete", "jobs", "--why", "结束") == "jobs deleted\n"
    history = json.loads(run("history", "jobs"))
    assert [(one["version"], one["deleted"]) for one in history["versions"]] == [(3, True), (2, False), (1, False)]
    assert [one["members"] for one in history["sizes"]] == [20]
    with registry_at(own.registry_address) as registry:
        actions = [one.action for one in reversed(audit_rows(registry, object_id="jobs"))]
    assert actions == ["segment_put", "segment_counted", "segment_counted", "segment_put", "segment_deleted"]


def test_no_number_below_ten_is_told_anywhere(own: Settings, tmp_path: Path) -> None:
    run("put", file := write(tmp_path), "--why", "春招")
    a_night(own, 7)
    asked = (["preview", file], ["members-count", "jobs"], ["list", "--json"], ["show", "jobs"], ["history", "jobs"])
    for words in asked:
        told = run(*words)
        assert "少于 10 人" in told
        assert ": 7" not in told


def test_what_is_wrong_is_said(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, said in (
        (("put", str(tmp_path / "none.json"), "--why", "x"), "No such file or directory; expected a file of JSON"),
        (("put", write(tmp_path), "--why", " "), "--why is blank"),
        (("put", write(tmp_path, rule={"tag": "theme:没有"}), "--why", "x"), "unknown tag 'theme:没有'"),
        (("preview", write(tmp_path, rule={"all": [RULE, {"not": RULE}]})), "nobody can match the rule"),
        (("show", "jobs"), "no segment 'jobs'; `civicrec segment list` shows what there is"),
        (("history", "jobs"), "no segment 'jobs' ever was"),
        (("members-count", "jobs"), "no segment 'jobs'"),
    ):
        with pytest.raises(CivicrecError, match=said):
            run(*words)
    away = own.model_copy(update={"warehouse": WarehouseSettings(url="http://127.0.0.1:9")})
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: away)
    with pytest.raises(CivicrecError, match="does not answer"):
        run("preview", write(tmp_path))
    assert run("put", write(tmp_path), "--why", "仓库不在也能改") == "jobs version 1\n"

"""`civicrec model`: which run is in force, its card, and an earlier one put in force."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from civicrec.clock import local_date, utc_now
from civicrec.errors import InvalidInput
from civicrec.registry.runs import save_run
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from operations.cli import app
from profiles.online.memory import MemoryOnlineStore
from recommender.artifacts import save_models
from recommender.training import nightly as nightly_module
from recommender.training.nightly import publish
from serving.snapshot import SnapshotKeeper
from tests.recommender.test_artifacts import SPOILERS
from tests.recommender.worlds import some_models

TODAY = local_date(utc_now())
MANIFEST = {
    "models": {
        "window": {"from": "2026-01-01", "until": "2026-03-01"},
        "counts": {"actors": 5, "items": 3, "pairs": 9},
        "offline": {"users": 120, "recall@10": {"popular": 0.25, "blend": 0.5}},
        "als": {"factors": 8, "alpha": 4.0},
        "gate": {
            "decision": "published",
            "why": "loses to nothing clearly",
            "clicks": 300,
            "earlier": "run-0",
            "recall@10": {"blend": 0.5, "earlier": 0.45, "als": 0.4},
            "against": {"earlier": [0.05, -0.01, 0.1]},
        },
        "rankers": {
            "news": {
                "weights": {"idle": -0.5},
                "clicks": 900,
                "learned": 0.3,
                "declared": 0.2,
                "gate": {
                    "decision": "kept",
                    "why": "finds clearly less than the weights in force",
                    "clicks": 180,
                    "mrr@10": {"learned": 0.3, "declared": 0.2, "earlier": 0.4},
                    "against": {"earlier": [-0.1, -0.2, -0.05]},
                    "reliability": [[5000, 0.002, 0.0018], [180, 0.2, 0.15]],
                },
            },
            "of an older run": {"weights": {"idle": -0.5}, "clicks": 700, "learned": 0.35, "declared": 0.25},
        },
    },
    "seconds": {"models": 2.5, "read": 0.5},
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    opened = open_registry(Settings(home=tmp_path).registry_address)
    yield opened
    opened.dispose()


@pytest.fixture
def make(tmp_path: Path, registry: Engine) -> Callable[..., str]:
    def made(number: int, spoil: Callable[[Path], None] = lambda _: None, **facts: Any) -> str:
        spoil(save_models(Settings(home=tmp_path).models_path, some_models(["a", "b", "c"], seed=number)))
        save_run(registry, f"run-{number}", TODAY - timedelta(days=10 - number), MANIFEST, utc_now(), **facts)
        return f"run-{number}"

    return made


def civicrec(home: Path, *arguments: str) -> str:
    """Return what a command prints; it raises what it would say in one line."""
    done = CliRunner().invoke(app, ["model", *arguments, "--home", str(home)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def listed(home: Path) -> dict[str, str]:
    return {one["run"]: one["state"] for one in map(json.loads, civicrec(home, "list", "--json").splitlines())}


def test_the_list_says_what_became_of_each_run(tmp_path: Path, make: Callable[..., str]) -> None:
    make(1)
    make(2)
    make(3, SPOILERS["a truncated array"])
    make(4, SPOILERS["no folder"])
    make(5, is_refused=True)
    states = {"run-5": "refused", "run-4": "removed", "run-3": "damaged", "run-2": "in force", "run-1": "published"}
    assert list(listed(tmp_path).items()) == list(states.items())
    first = civicrec(tmp_path, "list").splitlines()[0].split("\t")
    assert first[1:] == [
        "run-5",
        "refused",
        "5 actors 3 items 9 pairs",
        "popular 0.250 blend 0.500",
        "3.0 s",
        "loses to nothing clearly",
    ]


def test_the_run_in_force_is_listed_however_old(tmp_path: Path, make: Callable[..., str]) -> None:
    make(1)
    for number in (2, 3, 4):
        make(number, is_refused=True)
    assert [line.split("\t")[1] for line in civicrec(tmp_path, "list", "-n", "2").splitlines()] == [
        "run-4", "run-3", "run-1",
    ]  # fmt: skip


def test_a_card_tells_what_the_manifest_does(tmp_path: Path, make: Callable[..., str]) -> None:
    make(1)
    make(2)
    text = civicrec(tmp_path, "show")
    assert text.startswith("# Models run-2\n")
    for told in (
        "| state | in force |",
        "from 2026-01-01, until 2026-03-01",
        "actors 5",
        "factors 8",
        "| blend | 0.5",
        "| earlier | 0.4500 | +0.0500 (-0.0100 to +0.1000) |",
        "Gate: published, loses to nothing clearly.",
        "Ranker of `news`: kept weights, finds clearly less than the weights in force; 900 clicks learned from.",
        "| earlier | 0.4000 | -0.1000 (-0.2000 to -0.0500) |",
        "| 180 | 0.2000 | 0.1500 |",
        "Ranker of `of an older run`; 700 clicks learned from.",
        "| learned | 0.3500 |  |",
    ):
        assert told in text
    told = json.loads(civicrec(tmp_path, "show", "run-1", "--json"))
    assert (told["run"], told["state"], told["models"]) == ("run-1", "published", MANIFEST["models"])


def test_a_rollback_acts_in_every_process_at_its_next_look_and_ends(tmp_path: Path, make: Callable[..., str]) -> None:
    make(1)
    make(2)
    keepers = [SnapshotKeeper(Settings(home=tmp_path), MemoryOnlineStore()) for _ in range(2)]

    def in_force() -> set[str]:
        for keeper in keepers:
            keeper.refresh_catalogue()
        return {keeper.current.models.models.run for keeper in keepers if keeper.current.models}

    assert in_force() == {"run-2"}
    civicrec(tmp_path, "rollback", "run-1", "--why", "lists repeat", "--who", "li")
    assert in_force() == {"run-1"}
    assert listed(tmp_path) == {"run-2": "published", "run-1": "in force"}
    assert "by li: lists repeat |" in civicrec(tmp_path, "show", "run-1")
    assert "rolled back by li" in civicrec(tmp_path, "list")
    civicrec(tmp_path, "rollback", "--off", "--why", "seen")
    assert in_force() == {"run-2"}
    civicrec(tmp_path, "rollback", "run-1", "--why", "again")
    make(3)
    assert in_force() == {"run-3"}
    for keeper in keepers:
        keeper.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rollback", "run-9", "--why", "x"], "no run 'run-9'"),
        (["rollback", "run-1", "--why", "x"], "run run-1 cannot be put in force: "),
        (["rollback", "run-2", "--why", " "], "--why is blank"),
        (["rollback", "--why", "x"], "expected the name of a run, or --off"),
        (["rollback", "run-2", "--off", "--why", "x"], "expected the name of a run, or --off"),
        (["rollback", "--off", "--why", "x"], "no run is rolled back to"),
        (["show", "run-9"], "no run 'run-9'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    arguments: list[str], said: str, tmp_path: Path, make: Callable[..., str]
) -> None:
    make(1, SPOILERS["a truncated array"])
    make(2)
    before = listed(tmp_path)
    with pytest.raises(InvalidInput, match=said) as refused:
        civicrec(tmp_path, *arguments)
    assert (refused.value.exit_code, "\n" in str(refused.value)) == (2, False)
    assert listed(tmp_path) == before


def test_a_night_removes_neither_what_was_rolled_back_to_nor_what_would_rule_after(
    tmp_path: Path, registry: Engine, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly_module, "KEPT_RUNS", 1)
    make(1)
    make(2)
    make(3)
    civicrec(tmp_path, "rollback", "run-1", "--why", "lists repeat")
    make(4, is_refused=True)
    publish(registry, Settings(home=tmp_path).models_path, "run-4", TODAY - timedelta(days=6), {})
    assert {path.name for path in Settings(home=tmp_path).models_path.iterdir()} == {"run-1", "run-3", "run-4"}


def test_reliability_is_drawn_for_each_ranker_that_tells_it(tmp_path: Path, make: Callable[..., str]) -> None:
    make(1)
    civicrec(tmp_path, "show", "--plot", str(tmp_path / "plots"))
    (drawn,) = (tmp_path / "plots").iterdir()
    assert drawn.name == "reliability-news.svg"
    text = drawn.read_text()
    assert text.startswith("<svg")
    assert "news：预测与实际" in text
    with pytest.raises(InvalidInput, match="cannot write"):
        civicrec(tmp_path, "show", "--plot", str(drawn))

"""The nightly runs as an operator sees them: which one is in force, how each did, and what a run says of itself.

In: the registry and the model folder. Out: rows for a table, and a model card as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from civicrec.clock import rfc3339
from civicrec.errors import ArtifactError, InvalidInput
from civicrec.registry.runs import Choice, Run, all_runs, choice, choose_run, find_run, ruling_runs
from recommender.artifacts import load_models, newest_usable

#: in force: lists are made from it. published: it was, or would be if those above it were not. refused: it lost when
#: it was made. damaged: its files are not what was written. removed: its files are gone, after some nights.
State = Literal["in force", "published", "refused", "damaged", "removed"]
#: Runs looked through for the one in force.
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One run, and what became of it."""

    run: Run
    state: State
    choice: Choice | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `model list` tells of it."""
        models = _models(self.run)
        return {
            "day": self.run.day,
            "run": self.run.run,
            "state": self.state,
            "counts": models.get("counts", {}),
            "recall@10": (models.get("offline") or {}).get("recall@10", {}),
            "gate": models.get("gate"),
            "seconds": round(sum(_seconds(self.run).values()), 1),
            "rolled_back": {"since": rfc3339(self.choice.since), "who": self.choice.who, "why": self.choice.why}
            if self.choice
            else None,
        }


def model_runs(registry: Engine, folder: Path, n: int) -> list[ModelRun]:
    """Return the `n` newest runs, newest first, and the one in force if it is older."""
    chosen, in_force = choice(registry), newest_usable(folder, ruling_runs(registry, _LOOKED_AT))
    runs = all_runs(registry, n)
    if in_force not in [one.run for one in runs]:
        runs += [one for one in [find_run(registry, in_force or "")] if one]
    return [_with_state(folder, one, in_force, chosen) for one in runs]


def model_run(registry: Engine, folder: Path, run: str) -> ModelRun:
    """Return one run, or the one in force if none is named.

    Raises
    ------
    InvalidInput
        If there is no such run.
    """
    in_force = newest_usable(folder, ruling_runs(registry, _LOOKED_AT))
    named = find_run(registry, run or in_force or "")
    if named is None:
        raise InvalidInput(
            f"no run {run!r}; `civicrec model list` shows what there is"
            if run
            else "no run is in force; `civicrec nightly` makes one, `civicrec model list` shows what there is"
        )
    return _with_state(folder, named, in_force, choice(registry))


def roll_back(registry: Engine, folder: Path, run: str, *, who: str, why: str, now: datetime) -> None:
    """Put a run in force until a newer night publishes one.

    Raises
    ------
    InvalidInput
        If there is no such run, or its models cannot be used; nothing is changed.
    """
    if find_run(registry, run) is None:
        raise InvalidInput(f"no run {run!r}; `civicrec model list` shows what there is")
    try:
        load_models(folder, run)
    except ArtifactError as error:
        raise InvalidInput(f"run {run} cannot be put in force: {str(error).split(';')[0]}") from None
    choose_run(registry, run, who=who, why=why, now=now)


def end_rollback(registry: Engine, *, who: str, why: str, now: datetime) -> Choice:
    """Put the newest run in force again; return the choice that ended.

    Raises
    ------
    InvalidInput
        If no run is rolled back to.
    """
    ended = choice(registry)
    if ended is None:
        raise InvalidInput("no run is rolled back to, so there is nothing to end")
    choose_run(registry, None, who=who, why=why, now=now)
    return ended


def card(shown: ModelRun) -> str:
    """Return the model card: what it learned from, with which knobs, how well, and what became of it."""
    run, models = shown.run, _models(shown.run)
    facts: dict[str, object] = {
        "state": shown.state,
        "rolled back to": f"since {rfc3339(shown.choice.since)} by {shown.choice.who}: {shown.choice.why}"
        if shown.choice
        else "",
        "day": run.day,
        "made at": rfc3339(run.finished_at),
        "data window": _words(models.get("window") or run.manifest.get("window") or {}),
        "learned from": _words(models.get("counts") or {}),
        "items the catalogue does not know": models.get("unknown_items", ""),
        "item-item": _words(models.get("item_item") or {}),
        "ALS": _words(models.get("als") or {}),
        "emphasis": _words(models.get("emphasis") or {}),
        "seed": models.get("seed", ""),
        "seconds": _words(_seconds(run)),
        "versions": _words(models.get("versions") or {}),
    }
    lines = [f"# Models {run.run}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items() if value != ""]
    return "\n".join([*lines, *_judged(models)])


def _judged(models: Mapping[str, Any]) -> Iterator[str]:
    if gate := models.get("gate"):
        yield from ("", f"Gate: {gate['decision']}, {gate['why']}.")
        if against := gate.get("against"):
            yield from ("", f"Recall@10 on {gate['clicks']} clicks after the last day of {gate['earlier']}:", "")
            yield from ("| method | recall@10 | this run minus it, 95 % |", "|---|---|---|")
            for name, value in gate["recall@10"].items():
                gap = "{:+.4f} ({:+.4f} to {:+.4f})".format(*against[name]) if name in against else ""
                yield f"| {name} | {value:.4f} | {gap} |"
    for scene, ranker in (models.get("rankers") or {}).items():
        yield from _ranker(scene, ranker)
    offline = models.get("offline") or {}
    if figures := offline.get("recall@10"):
        yield from ("", f"Held-out recall@10, {offline.get('users', 0)} visitors that chose no knob:", "")
        yield from ("| method | recall@10 |", "|---|---|")
        yield from (f"| {name} | {value:.4f} |" for name, value in figures.items())


def _ranker(scene: str, ranker: Mapping[str, Any]) -> Iterator[str]:
    """Say which weights order a scene, by which figures; of an older run only the two it has."""
    gate = ranker.get("gate") or {"mrr@10": {name: ranker[name] for name in ("learned", "declared")}}
    ruling = f": {gate['decision']} weights, {gate['why']}" if "why" in gate else ""
    trees = " Trees re-order the best." if ranker.get("trees") else ""
    yield from ("", f"Ranker of `{scene}`{ruling}; {ranker['clicks']} clicks learned from.{trees}")
    if n := gate.get("clicks"):
        yield from ("", f"The newest {n} clicks, which it did not see:")
    yield from ("", "| order by | mrr@10 | learned minus it, 95 % |", "|---|---|---|")
    for name, value in gate["mrr@10"].items():
        gap = "{:+.4f} ({:+.4f} to {:+.4f})".format(*gate["against"][name]) if name in gate.get("against", {}) else ""
        yield f"| {name} | {value:.4f} | {gap} |"
    if bins := gate.get("reliability"):
        yield from ("", "Its probabilities among the candidates of these clicks, predicted and observed:", "")
        yield from ("| candidates | predicted | clicked |", "|---|---|---|")
        yield from (f"| {n} | {predicted:.4f} | {clicked:.4f} |" for n, predicted, clicked in bins)


def _with_state(folder: Path, run: Run, in_force: str | None, chosen: Choice | None) -> ModelRun:
    state: State = "refused" if run.is_refused else "published"
    if run.run == in_force:
        state = "in force"
    elif not (folder / run.run).exists():
        state = "removed"
    elif newest_usable(folder, [run.run]) is None:
        state = "damaged"
    return ModelRun(run, state, chosen if chosen and chosen.run == run.run else None)


def _models(run: Run) -> dict[str, Any]:
    return run.manifest.get("models") or {}


def _seconds(run: Run) -> dict[str, float]:
    return run.manifest.get("seconds") or {}


def _words(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())

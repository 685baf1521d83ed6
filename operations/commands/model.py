"""Commands of `model`: list the nightly runs, show one as a card, put an earlier one in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.commands.options import Home, JsonLines, Who, Why, check_why

if TYPE_CHECKING:
    from sqlalchemy import Engine


def register(app: typer.Typer) -> None:
    """Add the group `model` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="List the nightly models, show one, put an earlier one in force.")
    for command in (show, rollback):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="model")


def list_(
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many runs, newest first.")] = 20,
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List the runs, newest first: day, run, state, size, held-out recall@10, seconds, the gate's reason.

    The state is in force, published, refused (it lost when it was made), damaged, or removed (its files are gone).
    """
    from recommender.model_runs import model_runs

    with _opened(home) as (registry, folder):
        listed = [one.as_json() for one in model_runs(registry, folder, n)]
    for facts in listed:
        if json:
            print(dumps(facts, ensure_ascii=False))
            continue
        size = " ".join(f"{count} {what}" for what, count in facts["counts"].items())
        recall = " ".join(f"{method} {value:.3f}" for method, value in facts["recall@10"].items())
        rolled = f"rolled back by {facts['rolled_back']['who']}" if facts["rolled_back"] else ""
        gate = (facts["gate"] or {}).get("why", "")
        cells = (facts["day"], facts["run"], facts["state"], size, recall, f"{facts['seconds']} s", gate, rolled)
        print("\t".join(cells).rstrip("\t"))


def show(
    run: Annotated[str, typer.Argument(help="Name of the run; the one in force when not given.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the run's manifest as one JSON object.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Folder for reliability-SCENE.svg of each ranker: predicted and observed probabilities."),
    ] = None,
    home: Home = None,
) -> None:
    """Print the card of a run: data window, counts, knobs, metrics, versions; as Markdown. Exit 2 if it is unknown."""
    from recommender.model_runs import card, model_run

    with _opened(home) as (registry, folder):
        details = model_run(registry, folder, run)
    if json:
        print(dumps({**details.run.manifest, **details.as_json()}, ensure_ascii=False))
    else:
        print(card(details))
    if plot:
        _plot((details.run.manifest.get("models") or {}).get("rankers") or {}, plot)


def _plot(rankers: Mapping[str, Any], folder: Path) -> None:
    from civicrec.errors import InvalidInput
    from civicrec.reports.charts import reliability_chart, svg

    told = {scene: (ranker.get("gate") or {}).get("reliability") for scene, ranker in rankers.items()}
    bins = {scene: of_one for scene, of_one in told.items() if of_one}
    if not bins:
        raise InvalidInput("no ranker of this run tells how reliable it is; expected a run with a learned one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for scene, of_one in bins.items():
            (folder / f"reliability-{scene}.svg").write_text(svg(reliability_chart(scene, of_one)), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write to {folder}: {error.strerror}; expected a folder") from error


def rollback(
    run: Annotated[str, typer.Argument(help="Name of the run to put in force.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Put the newest run in force again.")] = False,
    why: Why = "",
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Make lists from a run until a newer night publishes one, or until --off; exit 2 if it is unknown or damaged.

    Every serving process takes it at its next look at the registry. A reason is needed.
    """
    from civicrec.clock import utc_now
    from civicrec.errors import InvalidInput
    from recommender.model_runs import end_rollback, roll_back

    if off == bool(run):
        raise InvalidInput("expected the name of a run, or --off; `civicrec model list` shows what there is")
    check_why(why)
    with _opened(home) as (registry, folder):
        if off:
            ended = end_rollback(registry, who=who, why=why, now=utc_now())
            print(f"{ended.run}\tno longer in force by choice; the newest run rules")
        else:
            roll_back(registry, folder, run, who=who, why=why, now=utc_now())
            print(f"{run}\tin force until a newer night publishes, or `civicrec model rollback --off`")


@contextmanager
def _opened(home: Path | None) -> Iterator[tuple[Engine, Path]]:
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    settings = load_settings(home)
    with registry_at(settings.registry_address) as registry:
        yield registry, settings.models_path

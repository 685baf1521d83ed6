"""Commands of `evaluate`: how good the lists are, on data where the right answer is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

evaluate = typer.Typer(help="Measure how good the lists are, on data where the answer is known.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
WithholdRow = Annotated[str, typer.Option("--withhold", help="Which row of a test user is hidden: last or random.")]

#: Where measurement data lies: beside the project, never in it.
_DATA = Path(__file__).parents[3] / "shared" / "data"


def register(app: typer.Typer) -> None:
    """Add the ``evaluate`` group to the root command."""
    app.add_typer(evaluate, name="evaluate")


@evaluate.command()
def msweb(
    data: Annotated[Path | None, typer.Option(help="Folder with anonymous-msweb.data and .test.")] = None,
    withhold: WithholdRow = "last",
    home: Annotated[Path | None, typer.Option(help="Keep the stack's files here; default a temporary folder.")] = None,
    as_json: Json = False,
) -> None:
    """Run MSWEB through a stack of its own, over HTTP, and say how often the hidden visit is in the list of ten.

    Exit 1 if recall@10 over all test users is below what is required; skipped, with exit 0, without the data.
    """
    from civicrec.process.progress import progress_bars
    from operations.bench.msweb import run_msweb
    from recommender.evaluation.msweb import TEST_FILE, TRAIN_FILE

    folder = data or _DATA
    missing = [name for name in (TRAIN_FILE, TEST_FILE) if not (folder / name).is_file()]
    if missing:
        print(f"skipped: no {missing[0]} in {folder}; get MSWEB from the UCI repository and pass --data DIR")
        return
    with progress_bars() as report:
        figures = run_msweb(folder, which=_which(withhold), home=home, report=report)
    _show(figures, ("served", "popular", "item-item", "als"), as_json)
    raise typer.Exit(0 if figures["ok"] else 1)


@evaluate.command("all-but-one")
def all_but_one(
    train: Annotated[Path, typer.Option(help="CSV of interactions to learn from: user_id,item_id[,timestamp,weight].")],
    test: Annotated[Path, typer.Option(help="CSV of other users; one row of each is hidden.")],
    withhold: WithholdRow = "last",
    as_json: Json = False,
) -> None:
    """Train on one file, hide one row of each user of another, and say how high the hidden item comes."""
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from recommender.training.evaluate import evaluate_all_but_one

    with progress_bars() as report:
        figures = evaluate_all_but_one(train, test, load_settings().training, _which(withhold), report)
    _show(figures, ("popular", "item-item", "als", "hybrid"), as_json)


def _which(word: str) -> Any:
    from civicrec.errors import InvalidInput

    if word not in ("last", "random"):
        raise InvalidInput(f"unknown --withhold {word!r}; expected last or random")
    return word


def _show(figures: dict[str, Any], algorithms: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    measures = list(figures[algorithms[0]]["all"])
    print(f"{'':28}" + "".join(f"{measure:>13}" for measure in measures))
    for name in algorithms:
        for who, values in figures[name].items():
            print(f"{name:14}{who:14}" + "".join(f"{values[measure]:>13.5g}" for measure in measures))
    for name in (name for name in figures if name not in algorithms):
        print(f"{name:16}{json.dumps(figures[name], ensure_ascii=False)}")

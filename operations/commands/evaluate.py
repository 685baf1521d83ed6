"""Commands of `evaluate`: how good the lists are, on data where the right answer is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.commands.options import Home, Json

if TYPE_CHECKING:
    from civicrec.warehouse.ports import Warehouse

evaluate = typer.Typer(help="Measure how good the lists are, on data where the answer is known.", no_args_is_help=True)
FirstDay = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day lists were served on.")]
LastDay = Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day, included.")]
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


@evaluate.command()
def topn(
    interactions: Annotated[Path, typer.Option(help="CSV of interactions: user_id,item_id[,timestamp,weight].")],
    by: Annotated[
        str, typer.Option(help="Hide the same share of each user's rows, or of each item's: user or item.")
    ] = "item",
    test_fraction: Annotated[float, typer.Option(min=0.01, max=0.99, help="Share of rows that is hidden.")] = 0.25,
    seeds: Annotated[str, typer.Option(help="Seeds of the cut, by commas; one run each.")] = "42",
    k: Annotated[int, typer.Option(min=1, max=100, help="Length of the lists.")] = 10,
    as_json: Json = False,
) -> None:
    """Hide a part of the rows, learn from the rest, and say how much of it the lists find."""
    from civicrec.errors import InvalidInput
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from operations.evaluation.topn import evaluate_topn
    from recommender.training.evaluate import read_interactions_csv

    if by not in ("user", "item"):
        raise InvalidInput(f"unknown --by {by!r}; expected user or item")
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
        if not all(0 <= number < 2**32 for number in numbers):
            raise ValueError
    except ValueError:
        raise InvalidInput(f"got --seeds {seeds!r}; expected whole numbers from 0, by commas") from None
    with progress_bars() as report:
        figures = evaluate_topn(
            read_interactions_csv(interactions), load_settings(), by=by,  # type: ignore[arg-type]  # looked at above
            test_fraction=test_fraction, seeds=numbers, k=k, report=report,
        )  # fmt: skip
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        _table(figures["mean"])


@evaluate.command()
def prequential(
    interactions: Annotated[Path, typer.Option(help="CSV of clicks: user_id,item_id,timestamp in epoch seconds.")],
    begin: Annotated[str, typer.Option("--from", help="First time asked for: epoch seconds, or a date.")],
    until: Annotated[str, typer.Option("--until", help="First time no longer asked for.")],
    items: Annotated[
        Path | None, typer.Option(help="Items as `catalog import` reads them; else news of no text.")
    ] = None,
    tz: Annotated[str, typer.Option("--tz", help="Zone whose midnights the nights begin at.")] = "Asia/Shanghai",
    scene: Annotated[str, typer.Option(help="Scene whose lists are asked for.")] = "news",
    as_json: Json = False,
) -> None:
    """Play a log of clicks, and say how often the next click stood in the list that would have been served.

    Each click of the period is asked for, then told; nights train at midnight; what is earlier only teaches.
    """
    from zoneinfo import ZoneInfo

    from civicrec.errors import InvalidInput
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from civicrec.warehouse.clicks import draw_of
    from operations.evaluation.prequential import at_ms, evaluate_prequential
    from operations.replay import Click
    from recommender.scenes.files import shipped_scenes
    from recommender.scenes.scene import scene_named
    from recommender.training.evaluate import read_interactions_csv

    try:
        zone = ZoneInfo(tz)
    except (ValueError, OSError, LookupError):
        raise InvalidInput(f"unknown --tz {tz[:40]!r}; expected a zone such as Asia/Shanghai") from None
    rows = sorted(read_interactions_csv(interactions), key=lambda row: row.at_s)
    clicks = [
        Click(row.user_id, row.item_id, int(1000 * row.at_s), draw=draw_of(f"{row.at_s} {row.user_id} {row.item_id}"))
        for row in rows
    ]
    with progress_bars() as report:
        figures = evaluate_prequential(
            clicks, at_ms(begin, zone), at_ms(until, zone), scene_named(scene, shipped_scenes()), load_settings(),
            known=_items(items) if items else {}, zone=zone, report=report,
        )  # fmt: skip
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    for who in ("warm", "first"):
        print(who)
        _table(figures[who])
    for name in (name for name in figures if name not in ("warm", "first")):
        print(f"{name:20}{json.dumps(figures[name], ensure_ascii=False)}")


@evaluate.command()
def tags(
    data: Annotated[Path | None, typer.Option(help="Service items of the format zwfw-services, with themes.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of the third that is held out.")] = 0,
    as_json: Json = False,
) -> None:
    """Learn the themes of two thirds of the items from their words, and say how well those of the others are told.

    Exit 1 if micro-F1 over the themes of at least 20 items is below what is required; skipped, with exit 0, without the
    data.
    """
    from operations.evaluation.tags import evaluate_tags

    path = data or _DATA / "services_guangdong.jsonl"
    if data is None and not path.is_file():
        print(f"skipped: no {path.name} in {path.parent}; pass --data FILE")
        return
    figures = evaluate_tags(list(_items(path, "zwfw-services", "are passed over").values()), seed=seed)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        _table(figures["by_theme"])
        for name in (name for name in figures if name != "by_theme"):
            print(f"{name:18}{json.dumps(figures[name])}")
    raise typer.Exit(0 if figures["ok"] else 1)


@evaluate.command()
def counterfactual(
    policy: Annotated[
        str, typer.Option(help="variant:NAME, variant: for the scene itself, or shadow:NAME of what ran in its shadow.")
    ],
    begin: FirstDay,
    until: LastDay,
    scene: Annotated[str, typer.Option(help="Scene whose lists are looked at.")] = "news",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say how many clicks a list would have got by another policy, from lists that were served and seen.

    Three ways (IPS, SNIPS, doubly robust), each with its 95 % interval over visitors, and a sentence where the log says
    too little. Exit 2 if it says nothing.
    """
    from operations.evaluation.counterfactual import Policy, evaluate_counterfactual

    asked = Policy.of(policy)
    with _warehouse(home) as warehouse:
        figures = evaluate_counterfactual(warehouse, scene, begin.date(), until.date(), asked)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    _table({name: value for name, value in figures.items() if isinstance(value, dict)})
    for name in ("lists", "visitors", "effective", "covered", "doubt"):
        print(f"{name:16}{figures[name]}")


@evaluate.command()
def interleaving(
    variant: Annotated[str, typer.Option(help="Variant whose order was interleaved with the scene's.")],
    begin: FirstDay,
    until: LastDay,
    scene: Annotated[str, typer.Option(help="Scene whose lists are looked at.")] = "news",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say which of two interleaved orders readers clicked in, with the 95 % interval; exit 2 without any."""
    from operations.evaluation.interleaving import evaluate_interleaving

    with _warehouse(home) as warehouse:
        figures = evaluate_interleaving(warehouse, scene, begin.date(), until.date(), variant)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    for name, value in figures.items():
        print(f"{name:16}{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@contextmanager
def _warehouse(home: Path | None) -> Iterator[Warehouse]:
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    with closing(ClickHouseWarehouse(load_settings(home).warehouse)) as warehouse:
        yield warehouse


def _items(path: Path, form: str = "civicrec", passed_over: str = "count as news without a text") -> dict[str, Any]:
    from civicrec.catalogue.importers import read_rows
    from civicrec.errors import InvalidInput

    try:
        with path.open("rb") as lines:
            rows = read_rows(lines, form)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    if rows.bad:
        first = rows.bad[0]
        typer.echo(f"{len(rows.bad)} rows of {path} are no items and {passed_over}; "
                   f"the first, line {first.line}: {first.reason}", err=True)  # fmt: skip
    return {item.item_id: item for item in rows.items}


def _table(figures: dict[str, dict[str, Any]]) -> None:
    measures = list(dict.fromkeys(measure for values in figures.values() for measure in values))
    print(f"{'':16}" + "".join(f"{measure:>18}" for measure in measures))
    for name, values in figures.items():
        print(f"{name:16}" + "".join(f"{values.get(measure, '')!s:>18}" for measure in measures))


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

"""Offline evaluation on files: train on one, ask about the users of another.

In: CSV with the header ``user_id,item_id[,timestamp,weight]``, timestamp in epoch seconds. Out: figures per algorithm.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput
from civicrec.process.progress import ShowProgress
from civicrec.settings import TrainingSettings
from recommender.evaluation.all_but_one import Withhold, all_but_one
from recommender.training.interactions import interactions_of
from recommender.training.train import train as train_models

#: The year 2200: times in milliseconds or nanoseconds lie far behind it.
_LATEST_S = 7_258_118_400
#: Sums of such weights stay exact.
_HEAVIEST = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an interactions file."""

    user_id: str
    item_id: str
    at_s: float
    weight: float


def read_interactions_csv(path: Path) -> list[Row]:
    """Read a file; a line without timestamp counts as later than the line before it, a missing weight as 1.

    Raises
    ------
    InvalidInput
        If the file cannot be read, lacks user_id or item_id, or a number is none; the message names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            if not {"user_id", "item_id"} <= set(lines.fieldnames or ()):
                raise InvalidInput(f"{path} has the columns {lines.fieldnames}; expected user_id,item_id and two more")
            return [_row(path, number, line) for number, line in enumerate(lines, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error


def pairs_of(weighted: Iterable[tuple[Row, float]]) -> dict[tuple[str, str], tuple[float, int]]:
    """Return (user, item) → (sum of the weights, epoch ms of the newest row), as `interactions_of` takes them."""
    pairs: dict[tuple[str, str], tuple[float, int]] = {}
    for row, weight in weighted:
        at_ms = int(1000 * row.at_s)
        before, last_ms = pairs.get((row.user_id, row.item_id), (0.0, at_ms))
        pairs[row.user_id, row.item_id] = before + weight, max(last_ms, at_ms)
    return pairs


def evaluate_all_but_one(
    train: Path, test: Path, settings: TrainingSettings, which: Withhold = "last",
    report: ShowProgress = lambda *_: None, k: int = 10,
) -> dict[str, Any]:  # fmt: skip
    """Train on `train`, hide one row of each user of `test`, return algorithm → all / with_history → measures."""
    data = interactions_of(pairs_of((row, row.weight) for row in read_interactions_csv(train)))
    began = monotonic_s()
    models = train_models(data, "evaluation", settings, report=report)
    trained_s = monotonic_s() - began
    histories: dict[str, list[str]] = {}
    for row in read_interactions_csv(test):
        histories.setdefault(row.user_id, []).append(row.item_id)
    by_model = all_but_one(models, histories.values(), which, k)
    manifest = msgspec.to_builtins(models.manifest)
    return {
        "withheld": which,
        **{name: {who: asdict(one) for who, one in figures.items()} for name, figures in by_model.items()},
        "seconds": {"train": round(trained_s, 2), "all": round(monotonic_s() - began, 2)},
        "models": {name: manifest[name] for name in ("counts", "item_item", "als", "offline")},
    }


def _row(path: Path, number: int, line: dict[str, str | None]) -> Row:
    if not line["user_id"] or not line["item_id"]:
        raise InvalidInput(f"{path}, line {number}: user_id or item_id is empty; expected both")
    try:
        at_s = float(line.get("timestamp") or number)
        weight = float(line.get("weight") or 1.0)
    except ValueError as error:
        raise InvalidInput(f"{path}, line {number}: {error}; expected numbers in timestamp and weight") from None
    for name, value, largest in (("timestamp", at_s, _LATEST_S), ("weight", weight, _HEAVIEST)):
        if not 0 <= value <= largest:  # NaN neither
            raise InvalidInput(
                f"{path}, line {number}: got {name} {line.get(name)}; expected a number from 0 to {largest:g}"
                + (", in seconds since 1970" if name == "timestamp" else "")
            )
    return Row(line["user_id"], line["item_id"], at_s, weight)

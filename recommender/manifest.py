"""What a nightly run says of itself: from what it learned, with which knobs, and how well.

In: training. Out: a `Manifest`, kept with the models as JSON; what an older run does not say is ``None``.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

#: Features are small numbers: with such weights their sum is still a number.
HEAVIEST = 1e9


class DataWindow(Struct, frozen=True):
    """First and last day of the events a run learned from."""

    first: str = field(name="from")
    until: str


class Counts(Struct, frozen=True):
    """Size of what was learned from."""

    actors: int
    items: int
    pairs: int


class ItemItemKnobs(Struct, frozen=True, omit_defaults=True):
    """The item-item model: EASE's penalty and dropout, of so many items, the most active ones."""

    model: Literal["ease", "cosine"]
    neighbours: int = 0
    l2: float | None = None
    dropout: float = 0.0
    ease_items: int = 0


class AlsKnobs(Struct, frozen=True, omit_defaults=True):
    """The ALS model, as fitted, from the histories of one in so many actors."""

    factors: int
    regularization: float
    alpha: float
    iterations: int
    one_in: int = 1


class RankerGate(Struct, frozen=True, omit_defaults=True):
    """Which weights order a scene's lists, and the figures that decided it.

    Attributes
    ----------
    decision
        ``learned`` weights, those that were in force (``kept``), or those that the scene declares.
    clicks
        The newest clicks, which the learned weights did not see.
    mrr
        Weights, or the best single signal → mean reciprocal rank of these clicks among ten.
    against
        The same → mean, low and high of what learned weights have more, 95 % over visitors.
    reliability
        Of the candidates of these clicks, by predicted probability: how many, its mean, the share that was clicked.
    """

    decision: Literal["learned", "kept", "declared"]
    why: str
    clicks: int
    mrr: dict[str, float] = field(name="mrr@10", default_factory=dict)
    against: dict[str, tuple[float, float, float]] = {}
    reliability: list[tuple[int, float, float]] = []


class LearnedTrees(Struct, frozen=True):
    """Trees that re-order the best candidates, as `recommender.ranking.trees.Forest` takes them.

    Attributes
    ----------
    inputs
        Names of what they ask for.
    columns, thresholds, values
        Of each tree: which input an inner node asks for, up to which value one goes left (``None``: always), what a
        leaf adds.
    """

    inputs: list[str]
    columns: list[list[int]]
    thresholds: list[list[float | None]]
    values: list[list[float]]

    def __post_init__(self) -> None:
        """Refuse what no candidate could walk down; of a run on disk that makes it unusable."""
        shapes = {len(self.columns), len(self.thresholds), len(self.values)}
        inner = {len(tree) for trees in (self.columns, self.thresholds) for tree in trees}
        leaves = {len(tree) for tree in self.values}
        if len(shapes) > 1 or len(inner) > 1 or leaves != {n + 1 for n in inner}:
            raise ValueError("trees of different numbers of nodes; expected complete trees of one depth")
        if not all(0 <= column < len(self.inputs) for tree in self.columns for column in tree):
            raise ValueError(f"a tree asks for what is none of the {len(self.inputs)} inputs")
        numbers = (one for trees in (self.thresholds, self.values) for tree in trees for one in tree)
        if not all(one is None or abs(one) <= HEAVIEST for one in numbers):  # NaN is within no bounds
            raise ValueError(f"a number of a tree; expected at most {HEAVIEST:g} either way")


class LearnedWeights(Struct, frozen=True):
    """What a scene's ranker learned.

    Attributes
    ----------
    weights
        Feature → weight; a feature not named weighs nothing. None at all: the scene's declared weights rule.
    trees
        What re-orders the best candidates by these weights; ``None`` where it finds no more.
    clicks
        Clicks it learned from.
    learned, declared
        Mean reciprocal rank among ten of the newest clicks, by weights learned from the others and by declared ones.
    gate
        Why these weights rule; ``None`` in an older run.
    """

    weights: dict[str, float]
    clicks: int
    learned: float
    declared: float
    gate: RankerGate | None = None
    trees: LearnedTrees | None = None

    def __post_init__(self) -> None:
        """Refuse a weight with which a score would be no number; of a run on disk that makes it unusable."""
        for feature, weight in self.weights.items():
            if not abs(weight) <= HEAVIEST:  # NaN is within no bounds
                raise ValueError(f"weight {weight} of feature {feature!r}; expected at most {HEAVIEST:g} either way")


def without_trees(rankers: dict[str, Any]) -> dict[str, Any]:
    """Return what rankers learned, as built-in types, without the thousands of numbers of their trees."""
    return {scene: {**ranker, "trees": bool(ranker.get("trees"))} for scene, ranker in rankers.items()}


class Offline(Struct, frozen=True):
    """Recall@10 of each model, on users that chose no knob."""

    users: int
    recall: dict[str, float] = field(name="recall@10")


class Gate(Struct, frozen=True, omit_defaults=True):
    """Whether a run may be in force, and the figures that decided it.

    Attributes
    ----------
    clicks
        Held-out clicks that the runs were compared on: those after the last day of the run in force.
    recall
        Method → recall@10 on them; ``earlier`` is the run in force.
    against
        Method → mean, low and high of the difference to it, 95 % over visitors.
    earlier
        Name of the run in force, empty before the first.
    """

    decision: Literal["published", "refused"]
    why: str
    clicks: int = 0
    recall: dict[str, float] = field(name="recall@10", default_factory=dict)
    against: dict[str, tuple[float, float, float]] = {}
    earlier: str = ""


class Manifest(Struct, frozen=True, omit_defaults=True):
    """What a run says of itself.

    Attributes
    ----------
    day, window
        As the portal's calendar has them.
    unknown_items
        Items that somebody interacted with and the catalogue does not know.
    emphasis
        Source → by how much more than its scene says it counts, chosen on held-out users.
    gate
        Whether the run may be in force, against the run that was when it was made.
    rankers
        Scene → what its ranker learned; a scene without keeps the weights it declares.
    seconds
        Step → its time.
    """

    day: str = ""
    window: DataWindow | None = None
    unknown_items: int | None = None
    counts: Counts | None = None
    item_item: ItemItemKnobs | None = None
    als: AlsKnobs | None = None
    emphasis: dict[str, float] | None = None
    offline: Offline | None = None
    gate: Gate | None = None
    rankers: dict[str, LearnedWeights] = {}
    seed: int | None = None
    seconds: dict[str, float] | None = None
    versions: dict[str, str] | None = None

    @property
    def proves_shared_actors(self) -> bool:
        """Whether an item-item weight above 0 proves that actors interacted with both: of a cosine, not of EASE."""
        return self.item_item is not None and self.item_item.model == "cosine"

"""Theme tags for items that bring none, told from their words: character n-grams and one linear machine a theme.

In: items whose catalogue gave them themes. Out: for items without, governed themes and how likely each is. Linear
machines on n-grams follow Joachims 1998; their margins become probabilities by Platt's sigmoid, fitted on folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold
from sklearn.svm import LinearSVC

from civicrec.errors import InvalidInput
from civicrec.items import Item
from profiles.tags import load_vocabulary

#: A theme with fewer items is not suggested: what so few have in common is chance.
MIN_ITEMS = 20
#: Folds whose margins the probabilities are fitted on, and of the choice of the threshold.
FOLDS = 3
#: Characters of a summary that are looked at; more changed no figure.
SUMMARY_CHARACTERS = 120
#: Least confidences tried.
THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.02), 2)
SEED = 0
_Truth = NDArray[np.bool_]
_Sure = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ThemeClassifier:
    """What was learned of a catalogue's themes; kept nowhere, as learning takes seconds.

    Attributes
    ----------
    themes
        Tag names, in the order of the machines.
    threshold
        Least confidence that is a suggestion: the one of the best micro-F1 on folds of what was learned from.
    learned_from
        How many items.
    """

    themes: tuple[str, ...]
    threshold: float
    learned_from: int
    _terms: Any
    _machines: tuple[Any, ...]

    def confidences(self, items: Sequence[Item]) -> _Sure:
        """Return how likely each item has each theme, of shape (items, themes), 0 to 1."""
        if not items:
            return np.zeros((0, len(self.themes)))
        return _confidences(self._machines, self._terms.transform([text_of(item) for item in items]))

    def suggestions(self, items: Sequence[Item]) -> dict[str, dict[str, float]]:
        """Return item id → tag → confidence of what reaches the threshold; without the items for which nothing does."""
        found: dict[str, dict[str, float]] = {}
        for item, row in zip(items, self.confidences(items), strict=True):
            tags = {self.themes[k]: round(float(row[k]), 4) for k in np.flatnonzero(row >= self.threshold)}
            if tags:
                found[item.item_id] = tags
        return found


def themes_of(item: Item) -> tuple[str, ...]:
    """Return the names of the item's governed themes, an alias as its word; free words are none."""
    vocabulary = load_vocabulary()
    names = (tag.name for word in item.theme for tag in vocabulary.find(word, "theme"))
    return tuple(dict.fromkeys(names))


def says_something(tag: str) -> bool:
    """Say whether a theme tells what an item is about: 其他 does not, and is never suggested."""
    known = load_vocabulary().tags[tag]
    return known.inferable or known.sensitivity == "sensitive"


def text_of(item: Item) -> str:
    """Return the words that the classifier reads: title, office, and the beginning of the summary."""
    return f"{item.title} {item.issuer} {item.summary[:SUMMARY_CHARACTERS]}"


def themes_to_learn(items: Sequence[Item]) -> tuple[str, ...]:
    """Return the themes that enough items have, by name."""
    counts = Counter(tag for item in items for tag in themes_of(item) if says_something(tag))
    return tuple(sorted(tag for tag, n in counts.items() if n >= MIN_ITEMS))


def learn_themes(items: Sequence[Item], themes: Sequence[str] | None = None) -> ThemeClassifier:
    """Learn from items with themes; an item without one of `themes` is an example of none.

    Parameters
    ----------
    themes
        What to tell apart; by default `themes_to_learn` of the items.

    Raises
    ------
    InvalidInput
        If no theme has `MIN_ITEMS` items.
    """
    with_theme = [item for item in items if themes_of(item)]
    names = tuple(themes_to_learn(with_theme) if themes is None else themes)
    if not names:
        raise InvalidInput(
            f"got {len(with_theme)} items with a governed theme, and no theme that {MIN_ITEMS} of them have; "
            "expected a catalogue whose items partly bring `theme`"
        )
    truth = truth_of(with_theme, names)
    texts = [text_of(item) for item in with_theme]
    # (1, 3): a character, a pair, three: words of Chinese without a dictionary.
    terms = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    seen = terms.fit_transform(texts)
    threshold = best_threshold(truth, _held_out(seen, truth))
    return ThemeClassifier(names, threshold, len(with_theme), terms, _machines(seen, truth))


def truth_of(items: Sequence[Item], themes: Sequence[str]) -> _Truth:
    """Return which item has which theme, of shape (items, themes)."""
    return np.array([[theme in set(themes_of(item)) for theme in themes] for item in items], dtype=bool).reshape(
        len(items), len(themes)
    )


def best_threshold(truth: _Truth, confidences: _Sure) -> float:
    """Return the least confidence with the best micro-F1, of equals the lowest."""
    return float(max(THRESHOLDS, key=lambda least: (micro_f1(truth, confidences >= least), -least)))


def micro_f1(truth: _Truth, said: _Truth) -> float:
    """Return the harmonic mean of precision and recall over all pairs of item and theme; 0 if nothing is right."""
    right = int((truth & said).sum())
    return 2 * right / int(truth.sum() + said.sum()) if right else 0.0


def _machines(seen: Any, truth: _Truth) -> tuple[Any, ...]:
    """Return a machine a theme; ``None`` for one of which too few examples are seen."""
    machines: list[Any] = []
    for column in truth.T:
        if FOLDS <= column.sum() <= len(column) - FOLDS:
            machine = CalibratedClassifierCV(LinearSVC(random_state=SEED), method="sigmoid", cv=FOLDS)
            machines.append(machine.fit(seen, column))
        else:
            machines.append(None)
    return tuple(machines)


def _confidences(machines: Sequence[Any], seen: Any) -> _Sure:
    nothing = np.zeros(seen.shape[0])
    return np.column_stack([nothing if one is None else one.predict_proba(seen)[:, 1] for one in machines])


def _held_out(seen: Any, truth: _Truth) -> _Sure:
    """Return of each example what machines say that were fitted on the other folds."""
    said = np.zeros(truth.shape)
    for rest, fold in KFold(FOLDS, shuffle=True, random_state=SEED).split(truth):
        said[fold] = _confidences(_machines(seen[rest], truth[rest]), seen[fold])
    return said


def lacking(items: Sequence[Item]) -> list[Item]:
    """Return the items that may be shown one day and have no governed theme."""
    return [item for item in items if item.status != "withdrawn" and not themes_of(item)]


def counts_by_theme(found: Mapping[str, Mapping[str, float]]) -> dict[str, int]:
    """Return theme → how many items it is suggested for, the most frequent first."""
    counts = Counter(tag for tags in found.values() for tag in tags)
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

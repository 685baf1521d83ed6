"""Lists made in the shadow of others, after these were answered, in the thread that writes the log of lists.

In: a request that was answered and what it was answered from. Out: the ids of what else would have been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import msgspec

from profiles.online.ports import ActorState
from recommender.artifacts import load_models
from recommender.catalogue import Catalogue
from recommender.manifest import LearnedWeights
from recommender.recommend import recommend
from recommender.request import Request
from recommender.scenes.shadow import Shadow
from recommender.signals import Signals


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A request that was answered, to be asked again in another way.

    Attributes
    ----------
    request
        As it was answered, with what earlier lists of the page showed among its `exclude`.
    """

    shadow: Shadow
    request: Request
    profile: ActorState
    catalogue: Catalogue
    signals: Signals
    now: datetime

    def ids(self, models_path: Path) -> list[str]:
        """Return the ids of its list; nothing is drawn for it.

        Raises
        ------
        ArtifactError
            If the run is not there or damaged.
        """
        asked = replace(self.request, variant=self.shadow.variant, coins=None, draw=None, explain=False)
        signals = self.signals
        if self.shadow.run:
            signals = _with_weights(signals, _weights_of(models_path, self.shadow.run))
        return [one.item.item_id for one in recommend(asked, self.profile, self.catalogue, signals, self.now).items]


@lru_cache(maxsize=8)
def _weights_of(models_path: Path, run: str) -> dict[str, LearnedWeights]:
    """Return scene → what its ranker learned in a run, which never changes."""
    return load_models(models_path, run).manifest.rankers


def _with_weights(signals: Signals, rankers: dict[str, LearnedWeights]) -> Signals:
    if signals.models is None:
        return signals
    models = signals.models.models
    manifest = msgspec.structs.replace(models.manifest, rankers=rankers)
    return replace(signals, models=replace(signals.models, models=replace(models, manifest=manifest)))

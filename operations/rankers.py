"""The rankers' night: the clicks of the last days are replayed, and every scene's ranker learns from what was chosen.

In: interactions in order of time, items, the models of earlier nights. Out: what each scene's ranker learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from civicrec.clock import from_ms, local_date
from civicrec.items import Item
from civicrec.process.progress import ShowProgress
from civicrec.settings import Settings
from operations.replay import Click, ReplayedPortal
from recommender.artifacts import Models
from recommender.manifest import LearnedWeights
from recommender.scenes.scene import Scene
from recommender.training.ranker import MAX_CLICKS, MIN_CLICKS

#: Interactions replayed at most, the newest: 100 us each. A portal that has more a week learns from its last days.
MAX_REPLAYED = 400_000
#: Before the first night there are no models: they are trained on this share of the clicks, and lists made of the rest.
_FIRST_PART = 0.7
_REPORTED_EVERY = 1_000


def learn_rankers(
    clicks: Sequence[Click], items: Sequence[Item], scenes: Mapping[str, Scene], settings: Settings,
    models_before: Callable[[date], Models | None], report: ShowProgress = lambda *_: None,
) -> dict[str, LearnedWeights]:  # fmt: skip
    """Return scene → what its ranker learned, of those with enough clicks.

    Parameters
    ----------
    clicks
        In order of time.
    models_before
        Day → models of the newest night before it: a list of a day was made with those. ``None`` without one.
    """
    learning = [scene for scene in scenes.values() if scene.ranker == "learned"]
    if not learning or len(clicks) < MIN_CLICKS:
        return {}
    known = [models_before(day) for day in dict.fromkeys(local_date(from_ms(click.at_ms)) for click in clicks)]
    begins_at = 0 if any(known) else int(len(clicks) * _FIRST_PART)
    portal = ReplayedPortal(items, learning, settings, min(1.0, MAX_CLICKS / (len(clicks) - begins_at)))
    day = None
    for place, click in enumerate(clicks):
        if (today := local_date(from_ms(click.at_ms))) != day:
            day, models = today, known.pop(0)
            if models is not None:
                portal.use(models)
        if begins_at and place == begins_at:
            portal.train("first-part")
        portal.add(click, learns=place >= begins_at)
        if place % _REPORTED_EVERY == 0:
            report("rankers", place, len(clicks))
    return portal.learned()

"""Two weeks of a made-up city's portal: seeded visitors who read the news and run errands.

In: items, `Parameters`, and the time that counts as now. Out: events as a tracker sends them, session by session in
the order the sessions begin; the same input gives the same events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from civicrec.clock import PORTAL_TZ, rfc3339
from civicrec.items import Item
from operations.demo.diary import Diary
from operations.demo.needs import NEEDS
from operations.demo.robots import robot_sessions
from operations.demo.session import VisitPlan, visit
from operations.demo.shelf import Shelf, Weights

#: Visits by hour of the day, portal time: office hours with a dip at noon, and an evening of private errands.
_HOURS = np.array([
    2, 1, 1, 1, 1, 2, 5, 10, 20, 30, 32, 26, 15, 16, 25, 27, 24, 18, 13, 15, 18, 16, 10, 5,
], dtype=float)  # fmt: skip
_WEEKEND = 0.6  # a portal is mostly used on working days


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the simulated fortnight is like. Each figure has its reason.

    Attributes
    ----------
    seed
        The only source of chance.
    visitors
        People, robots aside.
    days
        Length of the past that is told.
    clicks_median, clicks_sigma, clicks_max
        Clicks of one visitor are log-normal: median 4, and sigma 1.28 makes the mean 9 (mean ÷ median = e^(sigma²/2)),
        as on news sites, where few readers make most clicks. The limit keeps one visitor from being a tenth of a day.
    clicks_a_session
        Mean length of a session in clicks; most end after one or two.
    bounce_share
        Sessions that see a list and click nothing, per session that clicks.
    news_decay_h
        Hours in which the pull of a piece of news falls by e; 11 h puts the median age of a clicked item near 20 h.
    personalise_share
        Visitors who agree to personalised lists; the others allow measuring only.
    robots
        Crawlers and one click farm, there so that reports have something to keep out.
    """

    seed: int = 7
    visitors: int = 3_000
    days: int = 14
    clicks_median: float = 4.0
    clicks_sigma: float = 1.28
    clicks_max: int = 150
    clicks_a_session: float = 2.5
    bounce_share: float = 0.2
    news_decay_h: float = 11.0
    personalise_share: float = 0.8
    robots: int = 5


@dataclass(frozen=True, slots=True)
class Resident:
    """One simulated person: the truth behind the events, for tests and for choosing whose list to show."""

    actor: str
    need: int
    consent: str
    channel: str
    clicks: int


def residents(params: Parameters) -> list[Resident]:
    """Return the people of this simulation; `need` is an index into `NEEDS`."""
    rng = np.random.default_rng([params.seed, 1])
    needs = rng.choice(len(NEEDS), params.visitors, p=[need.share for need in NEEDS])
    clicks = rng.lognormal(np.log(params.clicks_median), params.clicks_sigma, params.visitors)
    agrees = rng.random(params.visitors) < params.personalise_share
    channels = rng.choice(["web", "mini", "app"], params.visitors, p=[0.6, 0.25, 0.15])
    return [
        Resident(
            actor="v" + rng.bytes(10).hex(),
            need=int(needs[i]),
            consent="personalise" if agrees[i] else "measure",
            channel=str(channels[i]),
            clicks=int(np.clip(np.rint(clicks[i]), 1, params.clicks_max)),
        )
        for i in range(params.visitors)
    ]


def simulate(items: Sequence[Item], params: Parameters, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the events of the days before `now`; none is later than `now`."""
    rng = np.random.default_rng([params.seed, 2])
    shelf = Shelf(items, params.news_decay_h, rng)
    sessions = robot_sessions(items, params.robots, params.days, now, rng)
    diary = Diary(rng)
    rhythm, until = _rhythm(params.days, now), rfc3339(now)
    for resident in residents(params):
        seen: set[int] = set()
        for start, clicks in _sessions_of(resident, params, rhythm, now, rng):
            diary.open_session(actor=resident.actor, consent=resident.consent, channel=resident.channel)
            visit(VisitPlan(resident.need, start, clicks, seen), shelf, diary, rng)
            past = [event for event in diary.events if event["occurred_at"] <= until]
            if past:
                sessions.append(past)
    sessions.sort(key=lambda events: str(events[0]["occurred_at"]))
    for events in sessions:
        yield from events


def _rhythm(days: int, now: datetime) -> Weights:
    """Return the share of visits in each hour of the days before `now`."""
    first = now - timedelta(days=days)
    hours = [(first + timedelta(hours=hour)).astimezone(PORTAL_TZ) for hour in range(24 * days)]
    weights = np.array([_HOURS[at.hour] * (_WEEKEND if at.weekday() >= 5 else 1.0) for at in hours])
    shares: Weights = weights / weights.sum()
    return shares


def _sessions_of(
    resident: Resident,
    params: Parameters,
    rhythm: Weights,
    now: datetime,
    rng: np.random.Generator,
) -> list[tuple[datetime, int]]:
    """Part a visitor's clicks into sessions, in order of time; a session of 0 clicks is a bounce."""
    sizes: list[int] = []
    while (left := resident.clicks - sum(sizes)) > 0:
        sizes.append(min(left, int(rng.geometric(1 / params.clicks_a_session))))
    sizes += [0] * int(rng.binomial(len(sizes), params.bounce_share))
    hours = np.sort(rng.choice(len(rhythm), len(sizes), p=rhythm) + rng.random(len(sizes)))
    order = rng.permutation(len(sizes))
    first = now - timedelta(days=params.days)
    return [(first + timedelta(hours=float(hour)), sizes[at]) for hour, at in zip(hours, order, strict=True)]

"""Robots that say so in their user agent, told by the list of the `crawler-user-agents` package.

In: a User-Agent header. Out: which robot, empty for anyone else. Robots that do not say so: `collectors.behaviour`.
"""

from __future__ import annotations

import re
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

#: Groups of the list that are no robots here: portal backends send with HTTP libraries, and the portal's own tests and
#: assistive tools drive a browser. `collectors.behaviour` sees what they do.
_PROGRAMS = {"http-library", "browser-automation"}
#: Browsers whose names hold a robot's.
_BROWSERS = re.compile(r"Sogou(?:Mobile|Search|MSE)\w*")
#: What robots call themselves when the list does not know them: Chinese search engines have more than it names.
_ROBOT_WORD = re.compile(r"\b\w*(?:spider|crawler|scraper|bot)\b(?=[/;)+]|$)", re.IGNORECASE)


def declared_bot(user_agent: str) -> str:
    """Return ``user_agent:<robot>``, ``user_agent:other`` for one the list does not name, or empty.

    The words are those of the list and never the client's, so that nobody can fill reports with names.

    Examples
    --------
    >>> declared_bot("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)")
    'user_agent:baiduspider'
    """
    agent = _BROWSERS.sub("", user_agent)
    any_robot, each = known_robots()
    if any_robot.search(agent):
        return next(f"user_agent:{name}" for name, pattern in each if pattern.search(agent))
    return "user_agent:other" if _ROBOT_WORD.search(agent) else ""


@cache
def known_robots() -> tuple[re.Pattern[str], list[tuple[str, re.Pattern[str]]]]:
    """Return the list as one pattern, and as (name, pattern) of each robot; the first call takes 50 ms.

    The one is for people: a search in it takes 0.5 ms. With a group a robot it would take 200 times that, because then
    `re` does not look at first letters; so who it was is asked of each in turn.
    """
    patterns = [
        entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if not _PROGRAMS.intersection(entry["tags"])
    ]  # fmt: skip
    return re.compile("|".join(patterns)), [(_name(pattern), re.compile(pattern)) for pattern in patterns]


def _name(pattern: str) -> str:
    """Make a word of a pattern: ``[cC]laude[bB]ot`` is ``claudebot``."""
    plain = re.sub(r"\[\\s\\S\]\*|\\[dsSw][+*]?|\(\[\^-\]\|\$\)", " ", pattern)
    plain = re.sub(r"\[(\w)\w*\]", r"\1", plain)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40]

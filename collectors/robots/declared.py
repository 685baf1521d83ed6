"""Robots that say so in their user agent, told by the list of the `crawler-user-agents` package.

In: a User-Agent header. Out: which robot, empty for anyone else. Robots that do not say so:
`collectors.robots.behaviour`.
"""

from __future__ import annotations

import re
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

#: Groups of the list that are no robots here: portal backends send with HTTP libraries, and the portal's own tests and
#: assistive tools drive a browser. `collectors.robots.behaviour` sees what they do.
_PROGRAMS = {"http-library", "browser-automation"}
#: Browsers whose names hold a robot's.
_BROWSERS = re.compile(r"Sogou(?:Mobile|Search|MSE)\w*")
#: What robots call themselves when the list does not know them: Chinese search engines have more than it names.
_ROBOT_WORD = re.compile(r"(?:spider|crawler|scraper|bot)\b(?=[/;)+]|$)", re.IGNORECASE)
#: The pieces of a pattern: escaped signs, classes, groups, repeats, and signs.
_TOKENS = re.compile(r"\\.|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)|\{[^}]*\}|.", re.DOTALL)


def declared_bot(user_agent: str) -> str:
    """Return ``user_agent:<robot>``, ``user_agent:other`` for one the list does not name, or empty.

    The words are those of the list and never the client's, so that nobody can fill reports with names.

    Examples
    --------
    >>> declared_bot("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)")
    'user_agent:baiduspider'
    """
    agent = _BROWSERS.sub("", user_agent)
    for needle, pattern, name in known_robots():
        if needle in agent and pattern.search(agent):
            return f"user_agent:{name}"
    return "user_agent:other" if _ROBOT_WORD.search(agent) else ""


@cache
def known_robots() -> list[tuple[str, re.Pattern[str], str]]:
    """Return for each robot of the list a text that its pattern cannot do without, the pattern, and its name.

    To ask for 1 500 texts takes a tenth of the time that a search for one pattern of all takes, and an agent made to
    be nearly all of them costs no more. The first call takes 50 ms.
    """
    patterns = [
        entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if not _PROGRAMS.intersection(entry["tags"])
    ]  # fmt: skip
    return [(needle(pattern), re.compile(pattern), _name(pattern)) for pattern in patterns]


def needle(pattern: str) -> str:
    r"""Return the longest text that must be in whatever matches a pattern; empty if none is sure.

    Examples
    --------
    >>> needle("[cC]laude[bB]ot"), needle(r"Ahrefs(Bot|SiteAudit)"), needle("Chirp|gotosocial")
    ('laude', 'Ahrefs', '')
    """
    runs = [""]
    for token in _TOKENS.findall(pattern):
        if token == "|":
            return ""
        if token[0] in "?*{":
            runs[-1] = runs[-1][:-1]
        if len(token) == 1 and token not in "^$.?*+":
            runs[-1] += token
        elif token[0] == "\\" and not token[1].isalnum():
            runs[-1] += token[1]
        else:
            runs.append("")
    return max(runs, key=len)


def _name(pattern: str) -> str:
    """Make a word of a pattern: ``[cC]laude[bB]ot`` is ``claudebot``."""
    plain = re.sub(r"\[\\s\\S\]\*|\\[dsSw][+*]?|\(\[\^-\]\|\$\)", " ", pattern)
    plain = re.sub(r"\[(\w)\w*\]", r"\1", plain)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40]

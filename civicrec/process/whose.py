"""Whose a process is: what a caller says over HTTP, what the embedded online store says of itself, and the refusal.

Two stacks may take the same ports one after the other; a command of one home must not act on the other's.
"""

from __future__ import annotations

import re

#: Names the home that a request is meant for, by `civicrec.home.home_id`; a process of another answers `MISDIRECTED`.
HOME_HEADER = "civicrec-home"
MISDIRECTED = 421
REFUSAL = (
    "is of another home, and that of this home is not there; start it with `civicrec up` on ports of its own, or name "
    "the other's folder with --home"
)
LOCKED = "refuses this home's password: it is of another home, or the password in the settings is wrong"
#: Setting of Valkey in which the embedded one carries its home; it shows in the list of processes, too.
VALKEY_TITLE = "proc-title-template"
_TITLE = re.compile(r"civicrec-(\S+) ")


def valkey_title(home: str) -> str:
    """Return the value of `VALKEY_TITLE` of a home's online store."""
    return f"civicrec-{home} {{title}} {{listen-addr}} {{server-mode}}"


def is_anothers(title: str, home: str) -> bool:
    """Tell whether a store with that title says that it is of another home; one of one's own says nothing.

    Examples
    --------
    >>> is_anothers(valkey_title("803-1f"), "803-2a"), is_anothers("{title} {listen-addr} {server-mode}", "803-2a")
    (True, False)
    """
    said = _TITLE.match(title)
    return bool(home and said and said[1] != home)

"""Who may do what in the console: one table, role × resource × action.

In: the roles of an account. Out: yes or no. Nothing else decides; who is asked for comes from `civicrec.registry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from civicrec.errors import InvalidInput

Role = Literal["owner", "editor", "analyst", "admin"]
Resource = Literal[
    "account", "audit", "campaigns", "catalogue", "editorial", "models", "reports", "rights", "segments", "settings",
    "tags", "users",
]  # fmt: skip
Action = Literal["see", "change", "approve", "export"]

ROLES: tuple[Role, ...] = get_args(Role)
RESOURCES: tuple[Resource, ...] = get_args(Resource)
ACTIONS: tuple[Action, ...] = get_args(Action)

#: What each role may do to what; what does not stand here, nobody may. ``account`` is one's own, ``rights`` are
#: complaints and requests of persons. An analyst sees figures and sizes, and nothing that names or concerns one person.
PERMISSIONS: Mapping[Role, Mapping[Resource, tuple[Action, ...]]] = {
    "owner": {
        "account": ("see", "change"),
        "campaigns": ("see", "change", "approve"),
        "catalogue": ("see",),
        "editorial": ("see", "change"),
        "reports": ("see", "export"),
        "segments": ("see",),
    },
    "editor": {
        "account": ("see", "change"),
        "campaigns": ("see", "approve"),
        "catalogue": ("see", "change"),
        "editorial": ("see", "change"),
        "reports": ("see", "export"),
        "segments": ("see", "change"),
        "tags": ("see", "change"),
    },
    "analyst": {
        "account": ("see", "change"),
        "reports": ("see", "export"),
        "segments": ("see",),
    },
    "admin": {
        "account": ("see", "change"),
        "audit": ("see", "export"),
        "models": ("see", "change"),
        "rights": ("see", "change"),
        "settings": ("see", "change"),
        "users": ("see", "change"),
    },
}


def may(roles: Iterable[Role], resource: Resource, action: Action) -> bool:
    """Say whether one of the roles lets somebody do this.

    Examples
    --------
    >>> may(["analyst"], "reports", "see"), may(["analyst"], "rights", "see"), may([], "reports", "see")
    (True, False, False)
    """
    return any(action in PERMISSIONS[role].get(resource, ()) for role in roles)


def roles_of(words: Iterable[str]) -> tuple[Role, ...]:
    """Return roles by their names, each once, in the order of `ROLES`.

    Raises
    ------
    InvalidInput
        If one is unknown, or there is none.
    """
    given = {word.strip() for word in words}
    unknown = sorted(given - set(ROLES))
    if unknown or not given:
        raise InvalidInput(f"got {', '.join(unknown) or 'no role'}; expected one or more of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in given)

"""Whoever looks at a page of the console: what the page shows of them, and what they may do.

In: an account and a session. Out: a `Viewer`, which goes to the process that makes pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from civicrec.permissions import Action, Resource, Role, may

#: Path → (words, resource): the pages, in the order of the navigation.
PAGES: dict[str, tuple[str, Resource]] = {
    "/console/": ("内容效果", "reports"),
    "/console/worth": ("推荐效果", "reports"),
    "/console/segments": ("人群", "segments"),
    "/console/rules": ("置顶与屏蔽", "editorial"),
    "/console/tags": ("标签建议", "tags"),
    "/console/complaints": ("投诉", "rights"),
    "/console/users": ("用户", "users"),
    "/console/account": ("我的账号", "account"),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person.

    Attributes
    ----------
    name
        Of the account, as the audit log has it.
    form_token
        What every form of this session carries; empty for a script, which sends none.
    session
        Number of the session; 0 for a script.
    must_change
        Whether nothing but the own account is open until the password is changed.
    """

    name: str
    display_name: str
    roles: tuple[Role, ...]
    form_token: str = ""
    session: int = 0
    must_change: bool = False

    def may(self, resource: Resource, action: Action) -> bool:
        """Say whether one of their roles lets them do this."""
        return may(self.roles, resource, action)

    def pages(self) -> list[tuple[str, str]]:
        """Return (path, words) of the pages that are open to them."""
        if self.must_change:
            return [("/console/account", PAGES["/console/account"][0])]
        return [(path, words) for path, (words, resource) in PAGES.items() if self.may(resource, "see")]

"""What the pages call themselves: the invented city in the demo's home, a preview everywhere else."""

from __future__ import annotations

from dataclasses import dataclass

from civicrec.home import DEMO
from civicrec.settings import Settings


@dataclass(frozen=True, slots=True)
class Masthead:
    """The head of every page.

    Attributes
    ----------
    name, subtitle
        Name of the site, and what kind of site it is.
    notice
        What a reader must know before anything else.
    is_tracked
        Whether the pages carry the tracker. Where portals are configured they do not: who looks at a preview is no
        visitor of theirs.
    has_accounts
        Whether people can sign in here: with the demo's accounts.
    """

    name: str
    subtitle: str
    notice: str
    is_tracked: bool
    has_accounts: bool = False

    @property
    def title(self) -> str:
        """Title of a page that has none of its own."""
        return f"{self.name}（{self.subtitle}）"


def masthead_of(settings: Settings) -> Masthead:
    """Return the head of the pages of an installation."""
    is_tracked = not settings.sites
    if DEMO.of(settings.home).exists():
        return Masthead(
            "云澜市人民政府",
            "门户网站 · 演示",
            "云澜市是为演示虚构的城市，本站内容均为演示资料，不是任何政府机关发布的信息。",
            is_tracked,
            has_accounts=True,
        )
    return Masthead(
        "内容预览",
        "civicrec",
        "本页供内容和运维人员查看条目与推荐列表的样子，不是对外发布的门户。",
        is_tracked,
    )

"""The notice that people agree to, and the sites that count only what stands in the ledger."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from civicrec.settings.fields import Group

#: A version of a notice as portals number them, such as ``2026-1``.
Version = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]
SiteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class ConsentSettings(Group):
    """The consent ledger: the portal's notice, and where its answers are required."""

    notice_version: Version = ""
    """Version of the notice in force, such as ``2026-1``; empty: there is none, and nobody can agree to it."""
    purposes: Annotated[tuple[Word, ...], Field(min_length=1, max_length=20)] = ("personalise",)
    """What the notice asks for, each agreed to or refused alone; lists and profiles go by ``personalise``."""
    details: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    """What else it tells, a word each: kinds of data, ways, recipients. A purpose or word more needs consent anew."""
    ask_again_days: int = Field(default=180, ge=1, le=3_650)
    """Days until who refused or withdrew may be asked again."""
    ledger_sites: tuple[SiteId, ...] = ()
    """Sites where a signed-in user's claim of ``personalise`` counts as ``measure`` without an entry in the ledger."""
    timeout_ms: int = Field(default=500, ge=10, le=60_000)
    """How long events or a list wait for the ledger before they go on as without consent, milliseconds."""

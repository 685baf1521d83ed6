"""How long and how many connections to a process may be open; in the groups of the processes that listen."""

from __future__ import annotations

from pydantic import Field

from civicrec.settings.fields import Group


class ConnectionSettings(Group):
    """How long and how many connections to one process may be open."""

    header_timeout_s: float = Field(default=15, ge=0.1, le=600)
    """How long a connection may take to send the head of a request, or rest between two, seconds."""
    body_timeout_s: float = Field(default=20, ge=0.1, le=600)
    """How long a body may take to arrive, seconds; a slower one is answered with 408."""
    max_connections: int = Field(default=4_096, ge=16, le=100_000)
    """Connections open at once, to each process; more wait until one closes."""

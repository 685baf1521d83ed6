"""How to reach a store that speaks TLS; in the groups of the stores."""

from __future__ import annotations

from pathlib import Path

from civicrec.settings.fields import Group


class TlsSettings(Group):
    """How to reach a store of one's own that speaks TLS."""

    tls: bool = False
    """Whether to speak TLS; the server's certificate and name are always checked."""
    ca_file: Path | None = None
    """Certificate authority of the server, PEM; none means the system's."""
    cert_file: Path | None = None
    """Certificate to show to the server, PEM, where it asks for one."""
    key_file: Path | None = None
    """Key of that certificate, PEM, without a password; none means it stands in the same file."""

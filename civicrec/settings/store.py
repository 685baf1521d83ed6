"""Where a store is called and whether it speaks TLS there; in the groups of the stores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import model_validator

from civicrec.process.ports import Endpoint
from civicrec.settings.peers import PeerSettings


class StoreSettings(PeerSettings):
    """How to reach a store, one's own or the embedded one."""

    tls: bool = False
    """Whether to speak TLS, where no URL says it; the server's certificate and name are always checked."""
    ca_file: Path | None = None
    """Certificate authority of the server, PEM; none means the system's."""
    cert_file: Path | None = None
    """Certificate to show to the server, PEM, where it asks for one."""
    key_file: Path | None = None
    """Key of that certificate, PEM, without a password; none means it stands in the same file."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is called: `url`, else `host` and `port`, with TLS as `tls` says."""
        called = super().endpoint
        return called if self.url else replace(called, tls=self.tls)

    @model_validator(mode="after")
    def _agrees_on_tls(self) -> Self:
        if self.tls and self.url and not super().endpoint.tls:
            scheme = self.url.partition(":")[0]
            raise ValueError(f"TLS is on and URL says {scheme}:// without it; write {scheme}s:// or leave TLS out")
        return self

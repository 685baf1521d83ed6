"""Who asked to be erased, for a process that only wants to know that: it makes no registry and migrates none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from civicrec.erasure import NOBODY, ErasedNames
from civicrec.registry.connection import connect
from civicrec.registry.erasures import erasures_version, refused_until
from civicrec.registry.migrate import to_run


class ErasedReader:
    """Reads the list anew when it has grown; for one thread at a time.

    Parameters
    ----------
    digest_of
        `civicrec.security.tokens.Keys.erased_digest`.
    root_of
        `civicrec.security.tokens.Keys.root`.
    """

    def __init__(
        self,
        address: str,
        digest_of: Callable[[str], str],
        root_of: Callable[[str], str] = lambda subject_id: subject_id,
    ) -> None:
        self._engine = connect(address)
        self._digest_of, self._root_of = digest_of, root_of
        self._version = 0
        self._names = NOBODY
        self._is_there = False

    def read(self) -> ErasedNames:
        """Return who is refused now: the same object until there is news; nobody while there is no registry.

        Raises
        ------
        civicrec.errors.CivicrecError
            If the registry cannot be read.
        """
        if not self._is_there:
            path = Path(self._engine.url.database or "")
            if self._engine.dialect.name == "sqlite" and not path.exists() or to_run(self._engine):
                return self._names
            self._is_there = True
        if (version := erasures_version(self._engine)) != self._version:
            self._names = ErasedNames(refused_until(self._engine), self._digest_of, self._root_of)
            self._version = version
        return self._names

    def close(self) -> None:
        """Let go of the registry."""
        self._engine.dispose()

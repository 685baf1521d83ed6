"""An import of attributes: every row judged first, then all kept in one transaction, or none.

In: rows of a file, and where they come from. Out: counts, or the rows that cannot be taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from civicrec.errors import InvalidInput
from civicrec.registry.attributes import change_all, kept_of
from civicrec.registry.audit import Act
from civicrec.registry.erasures import refused_until
from civicrec.security.tokens import Keys
from civicrec.settings import Settings
from profiles.rights.attributes import Decision, Imported, decision, seal_of
from profiles.rights.imports import BadRow, ImportRow

#: Of one file: the registry takes no other writes while they are kept.
MAX_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class ImportDone:
    """What became of a file.

    Attributes
    ----------
    bad
        Rows that cannot be taken, by line; if there is one, nothing was kept.
    counts
        Users and values taken, values passed over because the user declared them, users left out as erased.
    """

    bad: list[BadRow]
    counts: dict[str, int]


def import_attributes(
    registry: Engine, settings: Settings, keys: Keys, site: str, rows: Sequence[ImportRow], bad: Sequence[BadRow],
    imported: Imported, *, by: str, now: datetime, keep: bool = True,
) -> ImportDone:  # fmt: skip
    """Judge rows and keep them.

    Parameters
    ----------
    bad
        Rows that could not be read, told with the others.
    keep
        Whether to keep anything if all is well.

    Raises
    ------
    InvalidInput
        If source, purpose, catalogue number or notice are blank, the notice is not the one in force, the site is
        unknown or for minors, or there are no rows, or more than `MAX_ROWS`.
    """
    _check_origin(settings, keys, site, imported, len(rows) + len(bad))
    seal, erased = seal_of(keys), {digest for digest, until in refused_until(registry).items() if until is None}
    faults, decisions, acts = list(bad), dict[str, Decision](), list[Act]()
    n_values = n_declared = n_erased = 0
    for row in rows:
        subject = keys.subject_id(site, row.user)
        if keys.erased_digest(keys.root(subject)) in erased:
            n_erased += 1
            continue
        try:
            decide = decision(row.values, subject, seal, now, imported=imported, valid_until=row.valid_until)
            new, ended = decide(kept_of(registry, subject))
        except InvalidInput as error:
            faults.append(BadRow(row.line, str(error)))
            continue
        decisions[subject] = decide
        acts.append(imported.act(now, by, keys.audit_name(subject), row.values))
        n_values += len(new)
        n_declared += len(row.values) - len(new) - len(ended)
    if faults:
        return ImportDone(sorted(faults, key=lambda one: one.line), {})
    if keep:
        change_all(registry, decisions, now, acts)
    counts = {"users": len(decisions), "values": n_values, "declared_stays": n_declared, "erased_left_out": n_erased}
    return ImportDone([], counts)


def _check_origin(settings: Settings, keys: Keys, site: str, imported: Imported, n_rows: int) -> None:
    keys.site_key(site)  # of an unknown site nobody is known
    if site in settings.sites and settings.sites[site].minors:
        raise InvalidInput(f"site {site!r} is for minors, of whom nothing is kept; expected another site")
    for name in ("purpose", "catalogue_id", "source", "notice"):
        if not getattr(imported, name):
            raise InvalidInput(
                f"the {name.partition('_')[0]} is blank; an import names source, purpose, catalogue and notice"
            )
    in_force = settings.consent.notice_version
    if in_force and imported.notice != in_force:
        raise InvalidInput(
            f"got notice {imported.notice[:64]!r}; expected the one in force, {in_force!r}, which tells of the import"
        )
    if not 0 < n_rows <= MAX_ROWS:
        raise InvalidInput(f"got {n_rows} rows; expected 1 to {MAX_ROWS}: divide the file")

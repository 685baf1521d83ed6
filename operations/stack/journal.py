"""How long the machine's journal keeps lines, where civicrec is installed as units that log to it.

In: the files of systemd-journald. Out: days, or none if it sets no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_UNITS = "civicrec-*.service"
#: Where journald reads, the later over the earlier; of drop-ins of one name the last folder's alone.
_FILE = "systemd/journald.conf"
_FOLDERS = ("usr/local/lib", "usr/lib", "run", "etc")
#: systemd's units of time, in days.
_DAY_S = 86_400
_UNIT_DAYS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1 / _DAY_S),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60 / _DAY_S),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 1 / 24),
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("w", "week", "weeks"), 7.0),
    **dict.fromkeys(("M", "month", "months"), 30.44),
    **dict.fromkeys(("y", "year", "years"), 365.25),
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def journal_days(root: Path = Path("/")) -> float | None:
    """Return after how many days lines go, 0 if they do not outlive a start of the machine; None if no time is set.

    None as well where no unit of civicrec is installed: then its lines go elsewhere.
    """
    if not _has_units(root):
        return None
    values = _settings(_text_of(path) for path in _files(root))
    if values.get("Storage", "auto") in ("volatile", "none"):
        return 0
    return days_of(values.get("MaxRetentionSec", "0")) or None


def days_of(text: str) -> float:
    """Read a time as systemd does; 0 for none, and for what cannot be read, as systemd passes that over.

    Examples
    --------
    >>> days_of("2week"), days_of("1day 12h"), days_of("86400"), days_of("infinity"), days_of("0")
    (14.0, 1.5, 1.0, 0.0, 0.0)
    """
    parts = [(match[1], match[2]) for match in _PART.finditer(text)]
    if _PART.sub("", text).strip() or any(unit not in _UNIT_DAYS for _, unit in parts):
        return 0.0
    return sum((float(number) * _UNIT_DAYS[unit] for number, unit in parts), 0.0)


def _has_units(root: Path) -> bool:
    return any(next((root / folder).glob(f"systemd/system/{_UNITS}"), None) for folder in _FOLDERS)


def _files(root: Path) -> list[Path]:
    main = [path for folder in reversed(_FOLDERS) if (path := root / folder / _FILE).exists()]
    drop_ins: dict[str, Path] = {}
    for folder in _FOLDERS:
        drop_ins |= {path.name: path for path in (root / folder).glob(f"{_FILE}.d/*.conf")}
    return [*main[:1], *(drop_ins[name] for name in sorted(drop_ins))]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _settings(texts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        for line in text.splitlines():
            name, sign, value = line.partition("=")
            if sign and not line.lstrip().startswith(("#", ";")):
                found[name.strip()] = value.strip()
    return found

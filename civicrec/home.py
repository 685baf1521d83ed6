"""The home folder of an installation: each file and lock in it, who writes it, whether it tells of persons.

In: the path of a home. Out: paths in it, and what stands there that is none of civicrec's. docs/operations.md shows
all of it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HomeFile:
    """A file or folder of the home.

    Attributes
    ----------
    name
        In the home; ``*`` stands for what differs from one to the next.
    what
        What it holds.
    writer
        The command that writes it.
    lost
        What it means to lose it.
    personal
        Whether what it holds tells of single visitors, be it under pseudonyms; so it counts when one is erased.
    is_lock
        Whether it is empty, held while its writer runs and not copied.
    """

    name: str
    what: str
    writer: str
    lost: str = "nothing: made again when it is needed"
    personal: bool = False
    is_lock: bool = False

    def of(self, home: Path, part: object = "") -> Path:
        """Return its path in a home, `part` in place of the ``*``."""
        return home / self.name.replace("*", str(part))


def _lock(of: str, writer: str) -> HomeFile:
    return HomeFile(f"{of}.lock", "held while it runs", writer, "nothing: made at the next start", is_lock=True)


EVENTS = HomeFile(
    "events.sqlite", "the event log", "collect", "events not yet in the warehouse are gone", personal=True
)
IDS = HomeFile("ids", "event ids of a day", "collect", "nothing: made from the log at the next start")
FORWARDED = HomeFile(
    "forwarded.json", "how far the log is forwarded to Kafka", "collect", "nothing: read back from Kafka"
)
STREAM = HomeFile(
    "stream.sqlite", "how far the stream is, half of the books", "stream", "begun again by hand only; back it up"
)
FLINK = HomeFile(
    "flink.json", "newest checkpoint of the Flink job", "stream", "no warning if its checkpoints are gone too"
)
PROGRESS = HomeFile(
    "progress.json",
    "what the Flink job has done of each log",
    "stream",
    "nothing while the online store is there: copied from it",
)
PROGRESS_BEFORE = HomeFile("fences.json", "the same before 0.1; renamed by itself", "stream", "as above")
WAREHOUSE = HomeFile(
    "warehouse",
    "events, dead letters, tags of each day",
    "warehouse",
    "all but the days the log still holds is gone",
    personal=True,
)
REGISTRY = HomeFile(
    "registry.sqlite",
    "catalogue, editorial rules, runs, audit, what people decided and declared, suggested tags, complaints, accounts",
    "catalog, editorial, serve, nightly",
    "catalogue: import again; withdrawals, editorial rules, audit, decisions, attributes, complaints, accounts: gone",
    personal=True,
)
SERVED = HomeFile(
    "served.sqlite", "served lists on their way to the warehouse, nobody's name with them", "serve",
    "the newest lists are missing in `served`",
)  # fmt: skip
MODELS = HomeFile("models", "models of the newest nights", "nightly", "nothing: made by the next night")
SCENES = HomeFile("scenes", "scenes of your own", "you", "those of civicrec are in force; keep a copy")
CMS = HomeFile(
    "cms", "what the CMS of a portal calls its fields, a file a site", "you",
    "pushes of these portals are refused; keep a copy",
)  # fmt: skip
FEEDS = HomeFile("feeds", "feeds and sitemaps that are polled", "you", "they are polled no more; keep a copy")
POLLS = HomeFile("polls", "what the last polls found", "catalog poll", "nothing: all is asked for again")
WORKING_DAYS = HomeFile(
    "working-days.toml", "public holidays of coming years", "you", "weekends alone count in these years; keep a copy"
)
VALKEY = HomeFile(
    "valkey",
    "the embedded online store",
    "up",
    "nothing: made again by the stream from warehouse and registry",
    personal=True,
)
VALKEY_DAMAGED = HomeFile(
    "valkey-damaged-*", "what could not be read, the newest three", "up", "nothing", personal=True
)
SECRET_KEY = HomeFile(
    "secret.key", "pseudonyms, cursors, keys of sites without one, the seal of attributes", "collect, serve",
    "every visitor becomes a new one, kept attributes do not open; keep a copy apart from the data",
)  # fmt: skip
PEPPERS = HomeFile(
    "peppers.json", "the peppers that followed the first one", "site rotate-pepper",
    "nothing while there is none; else every signed-in visitor becomes a new one: keep a copy apart from the data",
)  # fmt: skip
SITES = HomeFile(
    "sites.json", "portals: their keys and origins", "site add",
    "tokens and API keys of these portals are refused; keep a copy apart from the data",
)  # fmt: skip
WAREHOUSE_KEY = HomeFile("warehouse.key", "password of the embedded warehouse", "warehouse")
READER_KEY = HomeFile("reader.key", "the same for those who only read", "warehouse")
ANALYST_KEY = HomeFile("analyst.key", "the same for analysts, who see no identity", "warehouse")
VALKEY_KEY = HomeFile("valkey.key", "password of the embedded online store", "up")
CONSOLE_KEY = HomeFile(
    "console.key", "first password of the console's first account", "serve, console password",
    "nothing once accounts have passwords of their own",
)  # fmt: skip
NIGHTLY = HomeFile("nightly.json", "how the last night went", "nightly", "nothing: known again after the next night")
NIGHTLY_STEPS = HomeFile(
    "nightly-steps.json", "steps that a night has done", "nightly", "nothing: the steps are done again"
)
REPROCESS = HomeFile(
    "reprocess-*.json", "how far a reprocessing is", "events reprocess", "it begins again, each event counts once"
)
STACK = HomeFile("stack.json", "processes that run now", "up", "nothing: written again while it runs")
DEMO = HomeFile("civicrec-demo", "says that a demo may empty the folder", "demo", "the demo asks for another folder")
DEMO_HOME = HomeFile("demo", "home of the demo", "demo", "nothing: all of it is made up")
WRITE_PROBE = HomeFile(".write-*", "tried whether the home can be written", "up, doctor", "nothing")
COLLECTOR_LOCK = _lock("collector", "collect")
STREAM_LOCK = _lock("stream", "stream, rebuild-online")
NIGHTLY_LOCK = _lock("nightly", "nightly")
REPROCESS_LOCK = _lock("reprocess", "events reprocess")
HISTORY_LOCK = _lock("history", "events load")
POLL_LOCK = _lock("polls", "catalog poll")
PUSH_LOCK = _lock("push", "serve, campaign send")
STACK_LOCK = _lock("stack", "up, demo")
SERVING_LOCK = _lock("serving", "serve")
PEPPER_LOCK = _lock("peppers", "site rotate-pepper")

#: All of them, in the order of docs/operations.md.
FILES: tuple[HomeFile, ...] = tuple(value for value in list(globals().values()) if isinstance(value, HomeFile))

#: What SQLite, `replace_file` and `ensure_secret` put beside a file while they write it.
_WORKING_FILES = re.compile(r"-(?:wal|shm|journal)$|\.\d+\.draft$")
_DRAFT_OF_SECRET = re.compile(r"\.(.+\.key)\.[^.]+")


def home_id(home: Path) -> str:
    """Return what tells a home from every other on this machine: its folder on its disk; ``none`` if it is not there.

    A copy of a home is another, one that was renamed or is reached by another path is the same.
    """
    try:
        folder = os.stat(home)
    except OSError:
        return "none"
    return f"{folder.st_dev:x}-{folder.st_ino:x}"


def personal_files(home: Path) -> list[Path]:
    """Return what is there that tells of single visitors: what an erasure has to go through, and a copy to guard."""
    return [path for path in _entries(home) if any(file.personal for file in FILES if _is(path.name, file))]


def unknown_files(home: Path) -> list[str]:
    """Return the names of what is there and none of civicrec's, in order."""
    return [path.name for path in _entries(home) if not any(_is(path.name, file) for file in FILES)]


def _entries(home: Path) -> list[Path]:
    try:
        return sorted(home / name for name in os.listdir(home))
    except OSError:
        return []


def _is(name: str, file: HomeFile) -> bool:
    draft = _DRAFT_OF_SECRET.fullmatch(name)
    return fnmatchcase(draft[1] if draft else _WORKING_FILES.sub("", name), file.name)

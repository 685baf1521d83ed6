"""The consent ledger as processes look people up in it: current after every answer, cheap, bounded, away at times."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from civicrec.registry import ledger as module
from civicrec.registry.consents import enter, erase_consents, latest
from civicrec.registry.ledger import Ledger
from civicrec.registry.notice import Entry, notice_of
from civicrec.registry.tables import open_registry
from civicrec.settings import ConsentSettings, Settings
from tests.registry.test_consents import NOW
from tests.running import wait_for

ME, OTHER = "0a" * 16, "1b" * 16
CONSENT = ConsentSettings(notice_version="1", ledger_sites=("gz",), timeout_ms=60_000)


class Reader:
    """A ledger on an event loop of its own, with a clock that a test moves and a count of its reads."""

    def __init__(self, address: str, consent: ConsentSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(registry_url=SecretStr(address), consent=consent)
        self.now_s, self.n_reads = 1_000.0, 0
        self.ledger = Ledger(self.settings, lambda: self.now_s)
        self.during: Callable[[], object] = lambda: None
        self._runner = asyncio.Runner()
        monkeypatch.setattr(module, "latest", self._latest)

    def _latest(self, *given: Any) -> dict[str, Entry]:
        self.n_reads += 1
        found = latest(*given)
        self.during()
        return found

    def agreed(self, *actors: str) -> dict[str, bool]:
        return dict(self._runner.run(self.ledger.agreed(actors)))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._runner.run(work)

    def close(self) -> None:
        self.ledger.close()
        self._runner.close()


@pytest.fixture
def reader(address: str, registry: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    made = Reader(address, CONSENT, monkeypatch)
    yield made
    made.close()


def say(registry: Engine, is_given: bool, actor: str = ME, hours: float = 0, purpose: str = "personalise") -> None:
    notice = notice_of(Settings(consent=CONSENT))
    answer = Entry(actor, "gz", purpose, is_given, "1", notice.covers, "web", NOW + timedelta(hours=hours))
    enter(registry, answer, notice, audit_name="person:1")


def test_every_answer_is_known_after_it_was_entered(registry: Engine, reader: Reader) -> None:
    assert reader.agreed(ME, OTHER) == {ME: False, OTHER: False}
    for hour, is_given in enumerate([True, False, True]):
        reader.agreed(ME)  # kept, and wrong from the next line on
        say(registry, is_given, hours=hour)
        wait_for(lambda said=is_given: reader.agreed(ME) == {ME: said}, 10, "the answer", pause_s=0.001)
    assert reader.agreed(ME, OTHER) == {ME: True, OTHER: False}
    with registry.begin() as connection:
        erase_consents(connection, ME)
    wait_for(lambda: reader.agreed(ME) == {ME: False}, 10, "the erasure", pause_s=0.001)


def test_another_process_is_heard_and_hears(registry: Engine, reader: Reader) -> None:
    say(registry, True)
    wait_for(lambda: reader.agreed(ME) == {ME: True}, 10, "the answer", pause_s=0.001)
    assert reader.agreed(ME) == {ME: True}
    code = (
        "import sys\n"
        "from tests.registry.test_consent_ledger import ME, open_registry, say\n"
        "registry = open_registry(sys.argv[1])\n"
        "say(registry, False, hours=1)\n"
    )
    address = reader.settings.registry_url.get_secret_value()
    subprocess.run([sys.executable, "-c", code, address], check=True, timeout=120, cwd=Path(__file__).parents[2])
    wait_for(lambda: reader.agreed(ME) == {ME: False}, 10, "the answer of the other process", pause_s=0.001)


def test_who_was_looked_up_is_not_read_again_until_somebody_writes_or_it_is_old(reader: Reader) -> None:
    reader.agreed(ME)  # opens the registry
    for _ in range(5):
        reader.agreed(ME)
    before = reader.n_reads
    assert before == 2
    assert reader.agreed(ME, OTHER) == {ME: False, OTHER: False}
    assert reader.n_reads == before + 1
    reader.now_s += module.MAX_AGE_S
    reader.agreed(ME, OTHER)
    assert reader.n_reads == before + 2


def test_an_answer_that_comes_while_it_is_read_is_not_missed(registry: Engine, reader: Reader) -> None:
    reader.agreed(OTHER)
    reader.during = lambda: say(registry, True)
    assert reader.agreed(ME) == {ME: False}  # as it was when it was read
    reader.during = lambda: None
    wait_for(lambda: reader.agreed(ME) == {ME: True}, 10, "the answer", pause_s=0.001)


def test_what_was_read_before_news_that_another_heard_is_not_kept(registry: Engine, reader: Reader) -> None:
    reader.agreed(OTHER)
    reader.agreed(OTHER)  # kept
    written, heard = threading.Event(), threading.Event()

    def meanwhile() -> None:
        say(registry, True)
        written.set()
        heard.wait(60)

    async def both() -> None:
        reader.during = meanwhile
        first = asyncio.create_task(reader.ledger.agreed([ME]))
        await asyncio.to_thread(written.wait, 60)
        edition = reader.ledger._edition
        while reader.ledger._edition == edition:  # another event comes, and hears of the answer
            reader.ledger._look_for_news()
            await asyncio.sleep(0.001)
        reader.during = lambda: None
        heard.set()
        assert await first == {ME: False}
        assert await reader.ledger.agreed([ME]) == {ME: True}

    reader.run(asyncio.wait_for(both(), 60))


def test_no_more_than_so_many_are_kept(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 3)
    reader.agreed(ME)
    actors = [f"{n:032x}" for n in range(10)]
    assert reader.agreed(*actors) == dict.fromkeys(actors, False)
    n_reads = reader.n_reads
    reader.agreed(*actors[-3:])
    assert reader.n_reads == n_reads
    reader.agreed(actors[0])
    assert reader.n_reads == n_reads + 1


def test_a_notice_that_tells_more_lets_no_older_consent_count(
    address: str, registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(registry, True)
    say(registry, True, OTHER, purpose="push")
    for details, counts in (((), True), (("region",), False)):
        consent = ConsentSettings(notice_version="2", details=details, ledger_sites=("gz",), timeout_ms=60_000)
        made = Reader(address, consent, monkeypatch)
        assert made.agreed(ME, OTHER) == {ME: counts, OTHER: False}
        made.close()


def test_while_the_registry_is_away_nothing_is_known_and_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "folder"
    in_the_way.touch()
    address = f"sqlite:///{in_the_way}/registry.sqlite"
    reader = Reader(address, CONSENT, monkeypatch)
    assert [reader.agreed(ME), reader.agreed(ME)] == [{}, {}]
    in_the_way.unlink()
    registry = open_registry(address)
    say(registry, True)
    assert reader.agreed(ME) == {}  # not with every event
    reader.now_s += 1
    wait_for(lambda: reader.agreed(ME) == {ME: True}, 10, "the registry", pause_s=0.001)
    reader.close()
    registry.dispose()


def test_a_registry_that_does_not_answer_holds_nothing_up(reader: Reader) -> None:
    reader.agreed(ME)
    reader.ledger._timeout_s = 0.05
    go = threading.Event()
    reader.during = lambda: go.wait(60)
    assert reader.agreed(OTHER) == {}
    n_reads = reader.n_reads
    reader.now_s += 5
    assert reader.agreed(OTHER) == {}  # the thread is still busy: nobody waits behind it
    assert reader.n_reads == n_reads
    go.set()
    reader.ledger._timeout_s = 60

    def is_back() -> bool:
        reader.now_s += 5
        return reader.agreed(OTHER) == {OTHER: False}

    wait_for(is_back, 10, "the registry", pause_s=0.001)

"""The process that makes the console's pages may abort, hang or grow: the process that answers lists goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from civicrec.errors import Unavailable
from civicrec.settings import Settings, WarehouseSettings
from serving.console.process import MEMORY, PageProcess
from tests.account_builders import EVERYBODY
from tests.running import free_ports
from tests.serving.conftest import NOW


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    nowhere = WarehouseSettings(port=free_ports(1)[0], timeout_s=1)
    one = PageProcess(Settings(home=tmp_path_factory.mktemp("console"), warehouse=nowhere), page_s=30)
    yield one
    one.close()


def child_of(pages: PageProcess) -> psutil.Process:
    """Return the process that makes its pages now."""
    assert pages._child is not None
    return psutil.Process(pages._child.pid)


def test_a_page_says_what_is_down(pages: PageProcess) -> None:
    made = pages.call("items_page", {}, NOW, EVERYBODY)
    assert made.status == 503
    assert "数据仓库暂时无法访问" in made.body.decode()
    assert pages.call("items_page", {"first": "yesterday"}, NOW, EVERYBODY).status == 422
    assert pages.call("items_csv", {}, NOW, EVERYBODY).status == 503


def test_one_process_makes_many_pages_and_may_hold_so_much(pages: PageProcess) -> None:
    pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    first = child_of(pages)
    pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    assert child_of(pages).pid == first.pid
    limits = Path(f"/proc/{first.pid}/limits").read_text()
    data = next(line for line in limits.splitlines() if line.startswith("Max data size"))
    assert data.split()[3] == str(MEMORY)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_ends_in_a_page_is_told_and_replaced(pages: PageProcess, number: signal.Signals) -> None:
    pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    gone = child_of(pages)
    gone.suspend()  # so that the page is surely under way when it ends
    threading.Timer(0.5, lambda: os.kill(gone.pid, number) or os.kill(gone.pid, signal.SIGCONT)).start()
    with pytest.raises(Unavailable, match=number.name):
        pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    assert pages.call("items_page", {"first": "x"}, NOW, EVERYBODY).status == 422


def test_a_page_that_never_ends_is_given_up(tmp_path: Path) -> None:
    pages = PageProcess(Settings(home=tmp_path))
    pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    hung = child_of(pages)
    hung.suspend()
    pages._page_s = 0.5
    with pytest.raises(Unavailable, match="not made within 0 s; ask for fewer days"):  # it would never answer
        pages.call("items_page", {"first": "x"}, NOW, EVERYBODY)
    assert not hung.is_running()
    pages.close()

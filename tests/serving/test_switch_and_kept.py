"""The switch against every answer that is kept a while (decision 200): what is off is off in the next one, everywhere.

Two serving processes on one registry and one online store; time moves to just before, at and after each lifetime.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import CollectorSettings, ServingSettings, Settings
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from profiles.online.ports import OnlineUpdate, RecentItem
from serving.live import _KEPT_MS
from serving.related import KEPT_MS as RELATED_KEPT_MS
from serving.site import create_site
from tests.serving.conftest import NOW, Api, items

AID = "A1b2C3d4E5f6G7h8I9j0"
#: Just before, at, and just after the end of each answer that is kept; and while it is.
STEPS_MS = sorted({0, 1, *(end + step for end in (_KEPT_MS, RELATED_KEPT_MS) for step in (-1, 0, 1, -end // 2))})


Answers = dict[str, list[str]]


@dataclass
class Processes:
    """Two serving processes, and somebody signed in who read something."""

    apis: list[Api]
    moment: list[datetime]

    def __post_init__(self) -> None:
        keys = self.apis[0].live.keys
        self.token = keys.sign("demo", "wang", NOW, timedelta(hours=20))
        recent = {keys.subject_id("demo", "wang"): [RecentItem(item, to_ms(NOW)) for item in ("i0", "i5")]}
        self.apis[0].store.apply(Commit("log", 0, 1), OnlineUpdate(recent=recent))

    def switch(self, way: str, process: int) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        api = self.apis[process]
        answer = api.ask("PUT", "/v1/me/personalisation", headers=headers, json={"personalisation": way})
        assert answer.status_code == 200, answer.text

    def answers(self, process: int, token: str = "") -> Answers:
        """Return the items of the next list of somebody, by each way to ask for one."""
        api, headers = self.apis[process], {"Authorization": f"Bearer {token}"} if token else {}
        blocks = {"subject_token": token, "blocks": [{"scene": "home", "n": 5}]}
        cookies = f"civicrec_consent=personalise; civicrec_aid={AID}; civicrec_subject={token}"
        return {
            "list": _ids(api.ask("GET", "/v1/recommendations?n=5", headers=headers).json()),
            "page": _ids(api.post("/v1/recommendations", blocks).json()["blocks"][0]),
            "html": _ITEM.findall(api.ask("GET", "/v1/recommendations.html?n=5", headers=headers).text),
            "portal": _ITEM.findall(api.ask("GET", "/portal/", headers={"cookie": cookies}).text.partition("</ol>")[0]),
        }

    def related(self, process: int, token: str = "") -> list[list[str]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return [
            _ids(one) for one in self.apis[process].ask("GET", "/v1/items/i1/related", headers=headers).json()["lists"]
        ]


_ITEM = re.compile(r'data-civicrec-item="([^"]+)"')


def _ids(made: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in made["items"]]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    store, moment = MemoryOnlineStore(), [NOW]
    given_ = Settings(
        home=tmp_path, serving=ServingSettings(store_timeout_ms=1_000), collector=CollectorSettings(port=1)
    )
    registry = open_registry(given_.registry_address)
    upsert_items(registry, items())
    apis = [
        Api(create_site(given_, store, MemoryOnlineReader(store), lambda: moment[0]), given_, registry, store)
        for _ in range(2)
    ]
    for api in apis:
        api.live.refresh()
    yield Processes(apis, moment)
    for api in apis:
        api.live.stop()
        for close in api.app.state.closing:
            close()
    registry.dispose()


_process = st.integers(0, 1)
_acts = st.one_of(
    st.tuples(st.sampled_from(["on", "off"]), _process),
    st.tuples(st.just("a stranger asks"), _process),
    st.tuples(st.just("time goes on"), st.sampled_from(STEPS_MS)),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=st.lists(_acts, min_size=1, max_size=7))
def test_off_is_off_in_the_next_answer_whatever_is_kept(processes: Processes, done: list[tuple[str, int]]) -> None:
    processes.moment[0] = NOW
    processes.switch("on", 0)
    is_off = False
    for act, number in done:
        if act in ("on", "off"):
            processes.switch(act, number)
            is_off = act == "off"
        elif act == "time goes on":
            processes.moment[0] += timedelta(milliseconds=number)
        else:
            processes.answers(number)
        for process in (0, 1):
            mine, everybodys = processes.answers(process, processes.token), processes.answers(process)
            assert all(everybodys.values())
            differ = {way for way in mine if mine[way] != everybodys[way]}
            assert differ == (set() if is_off else set(mine)), (act, number, process)
            # What belongs to an item is nobody's, so it is the same for whoever asks.
            assert processes.related(process, processes.token) == processes.related(process) != []

"""What ``/readyz`` and Prometheus are told of the online store and of the models' age."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from civicrec.clients import redis_client
from civicrec.settings import RedisSettings, Settings
from profiles.online.memory import MemoryOnlineStore
from profiles.online.redis_store import RedisOnlineStore
from profiles.online.state import OnlineState
from serving.state_metrics import model_problems, online_problems, state_metrics
from tests.running import free_ports

NOW = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)  # the 11th at the portal


class Full(RedisOnlineStore):
    def __init__(self) -> None:
        pass

    def state(self) -> OnlineState:
        return OnlineState(False, 7, {"actors": 3}, 15.9, 16.0)


def a_process(store: Any = None, run: str = "") -> Any:
    models = SimpleNamespace(run=run) if run else None
    return SimpleNamespace(store=store or MemoryOnlineStore(), models=models, settings=Settings(), clock=lambda: NOW)


def test_a_store_that_is_away_or_not_as_it_should_be_is_said() -> None:
    (away,) = online_problems(RedisOnlineStore(redis_client(RedisSettings(port=free_ports(1)[0]), timeout_s=0.5)))
    assert away.startswith("lists come without profiles: the online store cannot")
    assert len(online_problems(Full())) == 2
    assert online_problems(MemoryOnlineStore()) == []


@pytest.mark.parametrize(("run", "says"), [("", ""), ("2026-03-09-abc", ""), ("2026-03-01-abc", "10 days old")])
def test_old_models_are_said(run: str, says: str) -> None:
    assert says in "".join(model_problems(a_process(run=run)))
    assert len(model_problems(a_process(run=run))) == bool(says)


def test_prometheus_is_told_the_numbers() -> None:
    text = state_metrics(a_process(Full(), "2026-03-01-abc")).decode()
    for line in (
        "civicrec_models_age_days 10.0", "civicrec_online_complete 0.0", "civicrec_online_actors 7.0",
        'civicrec_online_shed_total{kind="actors"} 3.0', 'civicrec_online_shed_total{kind="tags"} 0.0',
        "civicrec_online_fullness 0.99375",
    ):  # fmt: skip
        assert f"\n{line}\n" in f"\n{text}"
    assert "civicrec_online" not in state_metrics(a_process()).decode()

"""The collector as a real process with Kafka behind it: switched on, away, back, and switched off."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from civicrec.clock import utc_now
from civicrec.errors import ConfigError
from civicrec.settings import CollectorSettings, KafkaSettings, Settings
from collectors import app
from tests.builders import raw_event
from tests.running import RunningStack, environment, free_ports, running_stack, settings_on_free_ports, wait_for
from tests.services.broker import Broker


@contextmanager
def a_collector(settings: Settings) -> Iterator[RunningStack]:
    env = {
        "CIVICREC_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "CIVICREC_KAFKA__EVENTS_TOPIC": settings.kafka.events_topic,
        "CIVICREC_KAFKA__POSITION_TOPIC": settings.kafka.position_topic,
    }
    with running_stack(settings.home, only=("collect",), settings=settings, env=env) as stack:
        yield stack


def send(stack: RunningStack, first: int, n: int) -> None:
    events = [raw_event(n=first + k, at=utc_now()) for k in range(n)]
    answer = httpx.post(f"{stack.collector_url}/v1/events", json={"events": events})
    assert answer.json() == {"accepted": n, "duplicates": 0, "rejected": []}


def get(stack: RunningStack, path: str) -> dict[str, Any]:
    answer = httpx.get(f"{stack.collector_url}{path}")
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


def metric(stack: RunningStack, name: str) -> float:
    lines = httpx.get(f"{stack.collector_url}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.kafka
@pytest.mark.stack
def test_events_are_forwarded_and_everything_that_tells_of_it_agrees(tmp_path: Path, broker: Broker) -> None:
    (nobody,) = free_ports(1)
    on = settings_on_free_ports(tmp_path).model_copy(update={"kafka": broker.settings(uuid4().hex[:8])})
    away = on.model_copy(update={"kafka": on.kafka.model_copy(update={"bootstrap": f"127.0.0.1:{nobody}"})})
    with a_collector(on) as stack:
        send(stack, 0, 7)
        wait_for(lambda: get(stack, "/v1/accounting")["unforwarded"] == 0, 20, "Kafka to have all")
        assert get(stack, "/v1/accounting")["forwarded"] == 7
        wait_for(lambda: get(stack, "/readyz") == {"status": "ok"}, 20, "ready")
        assert metric(stack, "civicrec_events_forwarded_total") == 7
        assert metric(stack, "civicrec_kafka_degraded") == metric(stack, "civicrec_events_unforwarded") == 0
    with a_collector(away) as stack:
        send(stack, 7, 5)
        wait_for(lambda: "failed" in get(stack, "/readyz").get("detail", ""), 20, "the fault to be told")
        ready = get(stack, "/readyz")
        assert ready["status"] == "degraded"
        assert f"127.0.0.1:{nobody}" in ready["detail"]
        assert ready["detail"].endswith("5 events wait in the log")
        status = stack.civicrec("status", "--json", check=False)
        assert '"forwarded": 7, "unforwarded": 5' in status.stdout
        assert "Kafka does not keep up" in status.stdout
        assert metric(stack, "civicrec_kafka_faults_total") >= 1
        assert metric(stack, "civicrec_kafka_degraded") == 1
        assert metric(stack, "civicrec_events_unforwarded") == 5
    with a_collector(on) as stack:
        wait_for(lambda: get(stack, "/v1/accounting")["unforwarded"] == 0, 20, "Kafka to have all")
        assert get(stack, "/v1/accounting")["forwarded"] == 12


def test_without_kafka_nothing_of_it_is_loaded_or_told(tmp_path: Path) -> None:
    program = (
        "import sys; from civicrec.settings import load_settings; from civicrec.eventlog.memory import MemoryEventLog;"
        "from civicrec.eventlog.books import read_books; from collectors.app import CollectorApp;"
        "CollectorApp(load_settings(), MemoryEventLog()); books = read_books(load_settings());"
        "print(books.forwarded, books.unforwarded, [name for name in sys.modules if name.split('.')[0] == 'kafka'])"
    )
    env = environment(settings_on_free_ports(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "None None []"


def test_waiting_for_a_kafka_that_is_not_named_is_a_wrong_configuration(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, collector=CollectorSettings(ack="kafka"))
    with pytest.raises(ConfigError, match="CIVICREC_KAFKA__BOOTSTRAP is empty"):
        app.run(settings)


def test_broker_without_a_port_is_a_wrong_configuration() -> None:
    from civicrec.eventlog.kafka import check_contact

    with pytest.raises(ConfigError, match="expected host:port"):
        check_contact(KafkaSettings(bootstrap="broker"))

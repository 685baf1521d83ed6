"""The collector as a real process with Kafka behind it: switched on, away, back, and switched off."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError

from civicrec.clock import utc_now
from civicrec.errors import ConfigError
from civicrec.kafka.reader import KafkaReader
from civicrec.settings import CollectorSettings, KafkaSettings, Settings
from collectors import app
from operations.harness.load import server_on
from operations.stack.state import look
from tests.builders import raw_event
from tests.running import environment, free_ports, settings_on_free_ports, wait_for
from tests.services.broker import Broker


@contextmanager
def a_collector(settings: Settings, ack: str = "disk") -> Iterator[str]:
    """Run a collector for the length of the body; give its address."""
    env = environment(settings, {"CIVICREC_COLLECTOR__ACK": ack})
    with server_on(["-m", "civicrec", "collect"], settings.collector.port, env):
        yield f"http://127.0.0.1:{settings.collector.port}"


def send(url: str, first: int, n: int) -> None:
    events = [raw_event(n=first + k, at=utc_now()) for k in range(n)]
    answer = httpx.post(f"{url}/v1/events", json={"events": events})
    assert answer.json() == {"accepted": n, "duplicates": 0, "rejected": []}


def get(url: str, path: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}{path}")
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


def metric(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.kafka
@pytest.mark.stack
def test_events_are_forwarded_and_everything_that_tells_of_it_agrees(tmp_path: Path, broker: Broker) -> None:
    (nobody,) = free_ports(1)
    on = settings_on_free_ports(tmp_path).model_copy(update={"kafka": broker.settings(uuid4().hex[:8])})
    away = on.model_copy(update={"kafka": on.kafka.model_copy(update={"bootstrap": f"127.0.0.1:{nobody}"})})
    with a_collector(on) as url:
        send(url, 0, 7)
        wait_for(lambda: get(url, "/v1/accounting")["unforwarded"] == 0, 20, "Kafka to have all")
        assert get(url, "/v1/accounting")["forwarded"] == 7
        wait_for(lambda: get(url, "/readyz") == {"status": "ok"}, 20, "ready")
        assert metric(url, "civicrec_events_forwarded_total") == 7
        assert metric(url, "civicrec_kafka_degraded") == metric(url, "civicrec_events_unforwarded") == 0
    with a_collector(away) as url:
        send(url, 7, 5)
        wait_for(lambda: "failed" in get(url, "/readyz").get("detail", ""), 20, "the fault to be told")
        ready = get(url, "/readyz")
        assert ready["status"] == "degraded"
        assert f"127.0.0.1:{nobody}" in ready["detail"]
        assert ready["detail"].endswith("5 events wait in the log")
        status = look(away, utc_now()).as_json()
        assert (status["forwarded"], status["unforwarded"], status["ok"]) == (7, 5, False)
        assert [problem for problem in status["problems"] if problem.startswith("Kafka does not keep up")]
        assert metric(url, "civicrec_kafka_faults_total") >= 1
        assert metric(url, "civicrec_kafka_degraded") == 1
        assert metric(url, "civicrec_events_unforwarded") == 5
    with a_collector(on) as url:
        wait_for(lambda: get(url, "/v1/accounting")["unforwarded"] == 0, 20, "Kafka to have all")
        assert get(url, "/v1/accounting")["forwarded"] == 12


@pytest.mark.kafka
@pytest.mark.stack
def test_with_ack_from_kafka_a_broker_that_hangs_delays_one_answer_and_no_other(tmp_path: Path, broker: Broker) -> None:
    settings = settings_on_free_ports(tmp_path).model_copy(update={"kafka": broker.settings(uuid4().hex[:8])})
    with a_collector(settings, ack="kafka") as url:
        wait_for(lambda: get(url, "/readyz") == {"status": "ok"}, 20, "ready")
        send(url, 0, 1)
        with closing(KafkaReader(settings.kafka)) as reader:  # the answer says that it is there
            wait_for(lambda: reader.read({})[0], 2, "the event")
        broker.freeze()
        try:
            send(url, 1, 1)
            assert get(url, "/readyz")["status"] == "degraded"
            began = time.monotonic()
            send(url, 2, 1)
            assert time.monotonic() - began < settings.kafka.ack_timeout_ms / 1000
        finally:
            broker.thaw()
        wait_for(lambda: get(url, "/readyz") == {"status": "ok"}, 60, "ready again")
        assert get(url, "/v1/accounting")["forwarded"] == 3


def test_without_kafka_nothing_of_it_is_loaded_or_told(tmp_path: Path) -> None:
    program = (
        "import sys; from civicrec.settings import load_settings; from civicrec.eventlog.memory import MemoryEventLog;"
        "from civicrec.accounting.books import read_books; from collectors.app import CollectorApp;"
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
    with pytest.raises(ValidationError, match="expected host:port"):
        KafkaSettings(bootstrap="broker")

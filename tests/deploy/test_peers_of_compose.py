"""Collector and serving as compose starts them: each on an address of its own, with loopback to nobody but itself."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from civicrec.clients import http_client
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.settings import Settings
from tests.faults.load import fill_catalogue
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "deploy/compose.yaml").read_text())
#: A container's name → what it is called here: addresses of this machine that are not its loopback's first.
CONTAINERS = {"collect": "127.0.0.2", "serve": "127.0.0.3"}


def variables(container: str, settings: Settings) -> dict[str, str]:
    """Return what compose says of collector and serving, all addresses of a container being the one it has here."""
    ports = {"collect": settings.collector.port, "serve": settings.serving.port}
    own = {"collect": "COLLECTOR", "serve": "SERVING"}[container]
    said = {}
    for name, value in COMPOSE["services"][container]["environment"].items():
        if name.startswith(("CIVICREC_COLLECTOR__", "CIVICREC_SERVING__")):
            called = urlsplit(value).hostname
            if called:
                said[name] = f"http://{CONTAINERS[called]}:{ports[called]}"
            else:
                said[name] = CONTAINERS[container] if name == f"CIVICREC_{own}__HOST" else value
    return said


@contextmanager
def in_a_container(container: str, stack: RunningStack) -> Iterator[str]:
    """Run the process for the length of the body; yield its address."""
    settings = stack.settings
    port = settings.collector.port if container == "collect" else settings.serving.port
    url = f"http://{CONTAINERS[container]}:{port}"
    child = subprocess.Popen(
        [sys.executable, "-m", "civicrec", container], env={**stack.env, **variables(container, settings)}
    )
    try:
        with http_client() as client:

            def answers() -> bool:
                assert child.poll() is None, f"{container} did not start"
                try:
                    return client.get(f"{url}/readyz").is_success
                except httpx.TransportError:
                    return False

            wait_for(answers, 60, container)
        yield url
    finally:
        child.terminate()
        child.wait(30)


@pytest.mark.stack
def test_a_dislike_posted_to_serving_under_compose_arrives_in_the_event_log(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path / "home")
    fill_catalogue(settings)
    with (
        running_stack(settings.home, only=("valkey",), settings=settings) as stack,
        in_a_container("collect", stack),
        in_a_container("serve", stack) as serving,
        http_client() as client,
    ):
        (item, *_) = client.get(f"{serving}/v1/recommendations", params={"n": 1}).json()["items"]
        dislike = {"kind": "dislike", "item_id": item["item_id"], "anonymous_id": "a", "consent": "personalise"}
        answer = client.post(f"{serving}/v1/feedback", json=dislike)
        assert (answer.status_code, answer.json()) == (202, {"acts": True, "recorded": True})
    with closing(SqliteEventLog(settings.log_path, readonly=True)) as log:
        events = [event for row in log.read(0, log.head()) for event in load(row.record.value)[0]]
    assert [(event.kind, event.item_id) for event in events] == [("dislike", item["item_id"])]

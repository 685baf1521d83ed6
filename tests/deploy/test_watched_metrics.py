"""Every Prometheus name that operators are told to watch is really told by the running processes."""

import re
from pathlib import Path

import httpx
import pytest

from civicrec.clock import utc_now
from tests.builders import raw_event
from tests.deploy.test_deploy import DEPLOY, PAGE, metrics_in
from tests.running import RunningStack, free_ports, running_collector

pytestmark = pytest.mark.stack


def told_by(url: str) -> set[str]:
    text = httpx.get(f"{url}/metrics").raise_for_status().text
    return metrics_in("\n".join(line for line in text.splitlines() if not line.startswith("#")))


def test_every_metric_of_the_page_and_the_rules_is_told(stack: RunningStack, tmp_path: Path) -> None:
    good, at = raw_event(n=7_000, at=utc_now(), props={"unheard": 1}), utc_now()
    bad = raw_event("look", n=7_001, at=at)
    httpx.post(f"{stack.collector_url}/v1/events", json={"events": [good, good, bad]}).raise_for_status()
    httpx.get(f"{stack.serving_url}/v1/recommendations", params={"n": 1}).raise_for_status()
    told = told_by(stack.collector_url) | told_by(stack.serving_url)
    nobody = {"CIVICREC_KAFKA__BOOTSTRAP": f"127.0.0.1:{free_ports(1)[0]}"}
    with running_collector(tmp_path, nobody) as forwarding:
        told |= told_by(forwarding.url)
    rules = (DEPLOY / "prometheus/alerts.yaml").read_text()
    # A dead letter needs a log written by other means: its name is held by a test of the collector.
    named = metrics_in(PAGE + rules) - {"civicrec_dead_letters_total"}
    assert len(named) > 10
    assert named - told == set()


def test_statuses_that_rules_ask_for_are_those_the_collector_counts() -> None:
    rules = (DEPLOY / "prometheus/alerts.yaml").read_text()
    contract = (Path(__file__).parents[2] / "docs/contracts.md").read_text()
    for status in re.findall(r'status="(\d+)"', rules):
        assert re.search(rf"^\| .*\b{status}\b", contract, re.M)

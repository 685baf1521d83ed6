import pytest

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from operations.bench import freshness
from operations.bench.freshness import ages_s, in_ms
from operations.harness.waiting import wait_for


class Slow:
    """Takes records and has each done after so long."""

    def __init__(self, takes_s: float) -> None:
        self.sent: list[float] = []
        self._takes_s = takes_s

    def send(self, n: int) -> list[tuple[float, float]]:
        now = monotonic_s()
        self.sent += [now] * n
        return [(now, now + self._takes_s)] * n

    def look(self):
        now = monotonic_s()
        return lambda ready: ready <= now


def test_ages_are_those_of_what_was_sent_and_the_rate_is_kept() -> None:
    slow = Slow(takes_s=0.1)
    ages = ages_s(40, 100, slow.send, slow.look, pause_s=0.001)
    assert len(ages) == len(slow.sent) == 40
    assert min(ages) >= 0.1
    assert slow.sent[-1] - slow.sent[0] > 0.3  # the last of 40 is due 0.4 s after the beginning, the first after 0.01 s
    assert in_ms(1_000, ages)["p50"] >= 100


def test_what_is_never_done_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "_PATIENCE_S", 0.05)
    slow = Slow(takes_s=60)
    with pytest.raises(Unavailable, match="5 of 5 records are not in every store"):
        ages_s(5, 100, slow.send, slow.look)


def test_waiting_gives_the_first_true_answer_or_says_what_it_waited_for() -> None:
    answers = iter([0, None, 7, 8])
    assert wait_for(lambda: next(answers), 5, pause_s=0) == 7
    looks: list[None] = []
    with pytest.raises(Unavailable, match=r"waited 0 s for rain after [2-9] looks"):
        wait_for(lambda: looks.append(None), 0.05, lambda: f"rain after {len(looks)} looks", pause_s=0.02)

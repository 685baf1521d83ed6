"""The sender as a worker: it goes on while there is something to send, and looks again every few seconds.

In: settings, and the word to stop. Out: messages sent. Faults of stores are waited for; whatever was not done is due
again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from civicrec.clock import Clock, monotonic_s
from civicrec.errors import CivicrecError, Unavailable
from civicrec.logs import get_logger
from civicrec.process.locks import InUse
from civicrec.process.retry import Retry
from civicrec.registry.campaigns import campaigns_of
from civicrec.settings import Settings
from civicrec.working_days import working_days
from recommender.push.alone import sending_alone
from recommender.push.channels.inbox import InboxChannel
from recommender.push.channels.ports import PushChannel
from recommender.push.channels.webhook import webhook_of
from recommender.push.people import people_at
from recommender.push.proposals import Proposer
from recommender.push.reporting import Reporter
from recommender.push.sending import SECRET, Sender

LOOK_S = 5.0
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 60.0
#: Between two looks at what changed in the catalogue, and at what closes soon.
_FOLLOW_S, _REMIND_S = 30.0, 3_600.0
_log = get_logger("push")


@contextmanager
def sender_of(settings: Settings) -> Iterator[Sender]:
    """Return the sender of an installation, alone, for the length of the body.

    Raises
    ------
    InUse
        If another process sends.
    ConfigError
        If the gateway's address may not be asked.
    """
    with people_at(settings) as people, sending_alone(settings, people.registry):
        channels: list[PushChannel] = [InboxChannel(people.registry)]
        if webhook := webhook_of(settings.push, people.keys.key_for(SECRET)):
            channels.append(webhook)
        try:
            yield Sender(
                people, {one.name: one for one in channels}, working_days(settings.home), settings.push.holdout_share,
                settings.push.webhook_tries, settings.push.webhook_pause_s,
            )  # fmt: skip
        finally:
            for one in channels:
                one.close()


def send_due(settings: Settings, *, wait: bool = False) -> int:
    """Send what is due now, and return how many messages were decided on.

    Parameters
    ----------
    wait
        Whether to go on until no campaign is being sent.
    """
    n_all = 0
    with sender_of(settings) as sender, closing(Reporter(sender.people, settings)) as reporter:
        while True:
            n = sender.step()
            n_all += n
            if n:
                continue
            with suppress(Unavailable):  # `civicrec serve` tells it, once there is a collector
                while reporter.step():
                    pass
            if not (wait and campaigns_of(sender.people.registry, ["scheduled", "sending"])):
                return n_all
            time.sleep(_PAUSE_S)


@contextmanager
def sending_pushes(settings: Settings) -> Iterator[None]:
    """Send in a thread for the length of the body."""
    stop = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(settings, stop), name="send pushes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


class _Proposing:
    """Looks for what to propose now and then."""

    def __init__(self, proposer: Proposer, clock: Clock) -> None:
        self._proposer, self._clock = proposer, clock
        self._follow_s = self._remind_s = 0.0

    def now_and_then(self) -> None:
        """Propose if it is time; a warehouse that is away holds no message up."""
        now_s = monotonic_s()
        if now_s >= self._follow_s:
            self._follow_s = now_s + _FOLLOW_S
            self._proposer.follow(self._clock())
        if now_s >= self._remind_s:
            self._remind_s = now_s + _REMIND_S
            try:
                self._proposer.remind(self._clock())
            except Unavailable as error:
                self._remind_s = now_s + _LONGEST_PAUSE_S
                _log.info("no_reminders_proposed", reason=str(error))


def _keep_sending(settings: Settings, stop: threading.Event) -> None:
    retry = Retry(LOOK_S, _LONGEST_PAUSE_S, wait=stop.wait)
    told = ""
    while not stop.is_set():
        try:
            with sender_of(settings) as sender, closing(Reporter(sender.people, settings)) as reporter:
                proposing = _Proposing(Proposer(sender.people), sender.clock)
                while not stop.is_set():
                    proposing.now_and_then()
                    if not sender.step() and not reporter.step():
                        stop.wait(LOOK_S)
                    retry.worked()
                    told = ""
        except InUse:
            stop.wait(LOOK_S)
        except CivicrecError as error:
            if str(error) != told:
                _log.warning("pushes_wait", reason=str(error))
            told = str(error)
            retry.wait()
        except Exception:  # the lists of this process go on, whatever it is
            _log.exception("pushes_failed")
            retry.wait()

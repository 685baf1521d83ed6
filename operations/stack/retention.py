"""How long each table, file, key and log is kept: the one place that says so. docs/retention.md is made from it.

In: settings. Out: `Kept` rows, and what of the settings keeps something shorter or longer than the law lets it be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from civicrec.home import EVENTS, REGISTRY
from civicrec.registry.inbox import KEEP_MESSAGES
from civicrec.registry.segments import KEEP_SIZES
from civicrec.settings import Settings
from profiles.nightly import KEPT_DAYS
from profiles.online import ports

#: Least days of network logs: 六个月 (算法推荐管理规定 28(2), 网络安全法).
LOG_DAYS = 180
#: Why a row stays until then, in the words of several.
_TAKEN_BACK = "until the person decides otherwise or is erased"
_HOUR = 1 / 24
#: As migration 0013 has it.
_ANALYST_KEY_DAYS = 7

Store = Literal["warehouse", "registry", "online store", "home", "Kafka", "log"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that is kept.

    Attributes
    ----------
    name
        Of a table, a file of the home, the first word of keys in Redis, a topic or a log.
    what
        What it tells.
    until
        When it goes, beside or instead of `days`.
    by
        Who removes it, empty for nobody.
    days
        After how many days it goes, by these settings; None where no time is set.
    setting
        The variable that says so.
    personal
        Whether it tells of single visitors, be it under pseudonyms.
    least_days
        So long it must be kept; 0 where no law says so.
    """

    store: Store
    name: str
    what: str
    until: str = ""
    by: str = ""
    days: Callable[[Settings], float] | None = None
    setting: str = ""
    personal: bool = False
    least_days: int = 0


def _raw(name: str, what: str, until: str = "") -> Kept:
    return Kept(
        "warehouse",
        name,
        what,
        until,
        "the nightly job",
        lambda settings: settings.warehouse.keep_days,
        "CIVICREC_WAREHOUSE__KEEP_DAYS",
        personal=True,
    )


def _keys(name: str, what: str, days: float, *, personal: bool = False) -> Kept:
    return Kept("online store", name, what, "after its last change", "Valkey", lambda _: days, personal=personal)


def _decided(name: str, what: str) -> Kept:
    return Kept("registry", name, what, _TAKEN_BACK, personal=True)


def _topic(name: str, what: str) -> Kept:
    return Kept(
        "Kafka",
        name,
        what,
        "as the topic was created with",
        "the brokers",
        lambda settings: settings.kafka.retention_days,
        "CIVICREC_KAFKA__RETENTION_DAYS",
        personal=True,
    )


KEPT: tuple[Kept, ...] = (
    _raw("events", "raw events", "by whole months, so up to a month longer"),
    _raw("dead_letters", "events that were refused, as they came"),
    Kept(
        "warehouse",
        "actor_tags",
        "tags of each night",
        "of who withdrew consent, until the next night",
        "the nightly job",
        lambda _: KEPT_DAYS,
        personal=True,
    ),
    Kept(
        "warehouse",
        "served",
        "lists as they were answered, with nobody's name",
        "in whole weeks, so up to a week longer",
        "the warehouse",
        lambda settings: settings.serving.served_keep_days,
        "CIVICREC_SERVING__SERVED_KEEP_DAYS",
    ),
    Kept(
        "warehouse",
        "item_numbers",
        "numbers of items while pairs are counted",
        "until the next night",
        "the nightly job",
    ),
    Kept(
        "warehouse",
        "item_tags",
        "what items teach while tags of actors are weighed",
        "until the next night",
        "the nightly job",
    ),
    Kept("warehouse", "item_facts", "what rules of segments ask of items", "until the next night", "the nightly job"),
    Kept(
        "warehouse",
        "segment_members",
        "who was in which segment",
        "of the last night and the one before",
        "the nightly job",
        personal=True,
    ),
    Kept(
        "warehouse", "catalogue", "items as of the last night, for analysts", "until the next night", "the nightly job"
    ),
    Kept(
        "warehouse",
        "analyst_keys",
        "keys by which analysts tell people apart",
        "each new key makes older ones useless",
        "the warehouse",
        lambda _: _ANALYST_KEY_DAYS,
    ),
    Kept("warehouse", "migrations", "which migrations ran"),
    Kept(
        "registry",
        "audit",
        "who did what, when and why; persons by a name that is no pseudonym",
        personal=True,
        least_days=LOG_DAYS,
    ),
    Kept("registry", "audit_head", "the end of the audit log", least_days=LOG_DAYS),
    Kept("registry", "consents", "answers to notices", "until the person is erased", "an erasure", personal=True),
    _decided("switched_off", "who switched personalisation off"),
    _decided("chosen_tags", "tags that people chose"),
    _decided("suppressed_tags", "tags that people deleted"),
    Kept(
        "registry",
        "erasures",
        "requests to erase, and receipts",
        "whom it names, until it is done; the receipt for good",
        personal=True,
    ),
    Kept("registry", "erased_ids", "keyed digests of erased ids, so that their events are refused", personal=True),
    Kept("registry", "complaints", "complaints and answers, in the words of who wrote them", personal=True),
    Kept(
        "registry",
        "attributes",
        "what people declared of themselves and portals imported",
        "as long as each holds (by its kind half a year to three), or until deleted; what is over, a year more",
        "the nightly job",
        personal=True,
    ),
    Kept("registry", "campaigns", "push campaigns, and who wrote and approved them"),
    Kept("registry", "campaign_versions", "every version of each campaign"),
    Kept(
        "registry",
        "deliveries",
        "who was sent or not sent what",
        "after its end",
        "the nightly job",
        lambda settings: settings.warehouse.keep_days,
        "CIVICREC_WAREHOUSE__KEEP_DAYS",
        personal=True,
    ),
    Kept(
        "registry",
        "inbox",
        "messages, and which were read",
        "after it came",
        "the nightly job",
        lambda _: KEEP_MESSAGES.days,
        personal=True,
    ),
    _decided("subscriptions", "which pushes people want"),
    Kept("registry", "accounts", "accounts of the console's staff"),
    Kept(
        "registry",
        "console_sessions",
        "where staff is signed in, by a digest",
        "12 hours after it began",
        "the next sign-in",
    ),
    Kept(
        "registry",
        "known_browsers",
        "browsers that staff signed in from, by a digest",
        "until newer ones or another password",
    ),
    Kept(
        "registry",
        "failed_sign_ins",
        "how often signing in failed, by digests of name and address",
        "a day after the last",
        "the next attempt",
    ),
    Kept("registry", "items", "the catalogue", "until it is erased from it"),
    Kept("registry", "editorial", "rules of editors", "some time after they end", "the next rule"),
    Kept("registry", "segments", "segments in all their versions, with who made each"),
    Kept(
        "registry",
        "segment_sizes",
        "how many people were in each segment at a night",
        "",
        "the nightly job",
        lambda _: KEEP_SIZES.days,
    ),  # fmt: skip
    Kept("registry", "suggested_tags", "tags suggested to items"),
    Kept(
        "registry", "pushes", "signatures of pushes, against a second one", "some time after it came", "the next push"
    ),
    Kept("registry", "runs", "model cards"),
    Kept("registry", "chosen_run", "the run that was rolled back to"),
    Kept("registry", "counters", "versions of catalogue and choices"),
    Kept("registry", "migrations", "which migrations ran"),
    Kept(
        "home",
        EVENTS.name,
        "the event log",
        "once proved stored; sooner when it is full",
        "the collector",
        lambda settings: settings.collector.log_keep_days,
        "CIVICREC_COLLECTOR__LOG_KEEP_DAYS",
        personal=True,
    ),
    Kept(
        "home",
        "warehouse",
        "the tables of the warehouse above",
        "as they; what was merged a minute longer",
        personal=True,
    ),
    Kept("home", REGISTRY.name, "the tables of the registry above", "as they", personal=True),
    Kept("home", "valkey", "the keys of the online store below", "as they", personal=True),
    Kept(
        "home",
        "valkey-damaged-*",
        "an online store that could not be read",
        "until three newer ones are there, or you remove it",
        "up",
        personal=True,
    ),
    _keys("recent", "an actor's latest items", ports.RECENT_TTL_DAYS, personal=True),
    _keys("seen", "hashes of items an actor has seen", ports.SEEN_TTL_DAYS, personal=True),
    _keys("disliked", "items an actor refused", ports.DISLIKED_TTL_DAYS, personal=True),
    _keys("done", "services an actor completed", ports.DONE_TTL_DAYS, personal=True),
    _keys("shown", "hashes of items an actor was shown", ports.SHOWN_TTL_DAYS, personal=True),
    _keys("tags", "an actor's tags of the last night", ports.TAGS_TTL_DAYS, personal=True),
    _keys("signed_in", "hashes of who was signed in on a browser", ports.SIGNED_IN_TTL_DAYS, personal=True),
    _keys("withdrawn", "when an actor withdrew consent", ports.WITHDRAWN_TTL_DAYS, personal=True),
    _keys("counted", "digests of who counted for what in an hour", ports.COUNTED_TTL_HOURS * _HOUR, personal=True),
    _keys("trend", "what was interacted with in an hour", ports.TREND_TTL_HOURS * _HOUR),
    _keys("co", "items that go with an item", ports.CO_CLICK_TTL_DAYS),
    _keys("next", "items clicked after an item", ports.CO_CLICK_TTL_DAYS),
    _keys("few", "pairs of few actors, with short hashes of these", ports.CO_CLICK_TTL_DAYS, personal=True),
    _keys("few_next", "the same of next items", ports.CO_CLICK_TTL_DAYS, personal=True),
    _keys("recovered", "dead letters that count as stored", ports.RECOVERED_TTL_DAYS),
    _keys("crowd", "items that a crowd interacted with", ports.TREND_TTL_HOURS * _HOUR),
    Kept("online store", "progress", "how far each log is"),
    Kept("online store", "logs", "which logs there are"),
    Kept("online store", "complete", "that the store holds all it should"),
    Kept("online store", "shed", "how many were shed"),
    Kept("online store", "held", "which actors, items and hours are held", "as these", "the stream", personal=True),
    Kept("online store", "off", "who switched personalisation off", _TAKEN_BACK, personal=True),
    _topic("events.raw.v1", "event batches"),
    _topic("events.dead.v1", "refused events of a stream on Flink"),
    Kept(
        "log",
        "journal",
        "what the processes log: refused sign-ins, faults; no visitor",
        "its own limits",
        "journald",
        least_days=LOG_DAYS,
    ),
    Kept(
        "log",
        "access log of the proxy",
        "who asked for what, when",
        "the portal sets it",
        "the portal",
        personal=True,
        least_days=LOG_DAYS,
    ),
)


def kept(store: Store, name: str) -> Kept:
    """Return the row of something; raises `KeyError` if nobody says how long it is kept."""
    for one in KEPT:
        if (one.store, one.name) == (store, name):
            return one
    raise KeyError(f"{store} {name}: say in {__name__} how long it is kept")


def told(one: Kept, settings: Settings) -> str:
    """Say how long something is kept.

    Examples
    --------
    >>> told(kept("online store", "counted"), Settings.model_construct())
    '3 hours after its last change'
    """
    if one.days is None:
        return one.until or "kept for good"
    days = one.days(settings)
    time = f"{days:g} days" if days >= 1 else f"{days / _HOUR:g} hours"
    between = "" if not one.until else " " if one.until.startswith("after") else "; "
    return f"{time}{between}{one.until}"


def out_of_bounds(settings: Settings, journal_days: float | None) -> list[str]:
    """Return what the settings keep shorter than the law asks, or a copy of events longer than the events themselves.

    Parameters
    ----------
    journal_days
        Days after which journald removes lines; None where it sets no time, or civicrec does not log to it.
    """
    sentences = []
    if journal_days is not None and journal_days < (least := kept("log", "journal").least_days):
        sentences.append(
            f"journald keeps log lines for {journal_days:g} days, the law asks for {least}: set MaxRetentionSec=0 or "
            f"more than {least}day, and Storage=persistent, in /etc/systemd/journald.conf.d/"
        )
    if settings.log_level == "ERROR":
        sentences.append(
            "CIVICREC_LOG_LEVEL=ERROR leaves refused sign-ins out of the log, which must hold them for "
            f"{LOG_DAYS} days: set WARNING or INFO"
        )
    raw_days = settings.warehouse.keep_days
    copies = [kept("home", EVENTS.name), *([kept("Kafka", "events.raw.v1")] if settings.kafka.bootstrap else [])]
    for one in copies:
        if one.days is not None and (days := one.days(settings)) > raw_days:
            sentences.append(
                f"{one.setting} keeps events for {days:g} days, longer than CIVICREC_WAREHOUSE__KEEP_DAYS, {raw_days}, "
                "which is what people are told: lower it"
            )
    return sentences

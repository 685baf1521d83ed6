"""The registry's tables: what people decided (catalogue, rights, runs), as opposed to what happened (events).

They are made by ``migrations/``; what stands here is how the code speaks of them, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from civicrec.registry.connection import connect
from civicrec.registry.migrate import migrate

metadata = MetaData()

#: Row of `counters` that tells readers whether the catalogue changed.
VERSION_COUNTER = "catalogue_version"

items = Table(
    "items",
    metadata,
    Column("item_id", String(128), primary_key=True),
    Column("item_type", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("title", String(500), nullable=False),
    Column("changed_in", Integer, nullable=False, doc="Catalogue version in which this row last changed."),
    Column("body", LargeBinary, nullable=False, doc="The item as JSON."),
    Column("status_before", String(16), doc="What `restore` goes back to; only of a withdrawn item."),
    Column("changed_at", DateTime(timezone=True), doc="When this row last changed."),
    Index("items_changed_in", "changed_in"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Integer, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("is_refused", Boolean, nullable=False, doc="Whether it lost when it was made, and is not in force."),
)

chosen_run = Table(
    "chosen_run",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("who", String(64), nullable=False),
    Column("why", Text, nullable=False),
)

suppressed_tags = Table(
    "suppressed_tags",
    metadata,
    Column("actor", String(64), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
)

switched_off = Table(
    "switched_off",
    metadata,
    Column("actor", String(64), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
)

chosen_tags = Table(
    "chosen_tags",
    metadata,
    Column("actor", String(64), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("actor", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("is_given", Boolean, nullable=False),
    Column("notice_version", String(64), nullable=False),
    Column("covers", JSON, nullable=False, doc="What the notice told, sorted."),
    Column("channel", String(16), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("consents_actor", "actor", "purpose", "number"),
    Index("consents_given", "purpose", "is_given"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(128), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("previous", String(64), nullable=False, doc="Digest of the row before."),
    Column("digest", String(64), nullable=False, doc="As `civicrec.registry.chain.digest_of` makes it."),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("head", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

pushes = Table(
    "pushes",
    metadata,
    Column("signature", String(64), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("answer", Text, nullable=False),
)

complaints = Table(
    "complaints",
    metadata,
    Column("receipt", String(32), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("item_id", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("due", String(10), nullable=False, doc="Day of the portal's calendar, so that it sorts."),
    Column("reply", Text, nullable=False),
    Column("answered_at", DateTime(timezone=True)),
    Column("answered_by", String(64), nullable=False),
    Index("complaints_due", "answered_at", "due"),
)

suggested_tags = Table(
    "suggested_tags",
    metadata,
    Column("item_id", String(128), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("confidence", Float, nullable=False),
    Column("suggested_at", DateTime(timezone=True), nullable=False),
    Column("state", String(16), nullable=False, doc="open, accepted or refused."),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", String(64), nullable=False),
    Index("suggested_tags_state", "state", "confidence"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("site", String(64), nullable=False),
    Column("person", String(64), nullable=False, doc="Keyed digest."),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("due", String(10), nullable=False, doc="Day of the portal's calendar, so that it sorts."),
    Column("trace", JSON, nullable=False, doc="Names that stores know; empty once all is done."),
    Column("steps", JSON, nullable=False, doc="Store → before and after."),
    Column("done_at", DateTime(timezone=True)),
    Column("receipt", Text, nullable=False),
    Index("erasures_person", "person"),
)

erased_ids = Table(
    "erased_ids",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True)),
)

attributes = Table(
    "attributes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("subject", String(64), nullable=False),
    Column("attribute", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("source", String(16), nullable=False),
    Column("purpose", String(500), nullable=False),
    Column("catalogue_id", String(128), nullable=False),
    Column("consent_at", DateTime(timezone=True)),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("attributes_subject", "subject", "attribute"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", String(64), primary_key=True),
    Column("version", Integer, nullable=False, doc="Counts every change."),
    Column("state", String(16), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("put_in", Integer, nullable=False, doc="Version in which the plan was last written."),
    Column("authors", JSON, nullable=False, doc="Who wrote or proposed what stands now."),
    Column("approved_by", String(64), nullable=False),
    Column("origin", String(256), nullable=False, doc="What proposed it, if nobody did."),
    Column("issuer", String(200), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("enlisted_at", DateTime(timezone=True), doc="When all recipients were written."),
    Index("campaigns_state", "state"),
    Index("campaigns_origin", "origin"),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_key", String(32), primary_key=True),
    Column("campaign_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("channel", String(16), nullable=False, doc="Empty of who is held out."),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False, doc="Why it was left out or refused."),
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("reported", Integer, nullable=False, doc="Events of it that the collector has."),
    Index("deliveries_due", "state", "campaign_id", "due_at"),
    Index("deliveries_subject", "subject", "done_at"),
    Index("deliveries_reported", "reported", "done_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("delivery_key", String(32), primary_key=True),
    Column("subject", String(64), nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("read_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Index("inbox_subject", "subject", "at"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("topic", String(64), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("segment_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("rule", Text, nullable=False, doc="As JSON."),
    Column("vocabulary", String(64), nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("who", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)

segment_sizes = Table(
    "segment_sizes",
    metadata,
    Column("segment_id", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("members", Integer),
    Column("entered", Integer),
    Column("gone", Integer),
    Column("lineage", JSON, nullable=False),
    Column("problem", Text, nullable=False),
)

editorial = Table(
    "editorial",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),
    Column("item_id", String(128), nullable=False),
    Column("scene", String(32), nullable=False, doc="Empty for all scenes."),
    Column("position", Integer, nullable=False),
    Column("factor", Float, nullable=False),
    Column("begins", DateTime(timezone=True)),
    Column("ends", DateTime(timezone=True)),
    Column("text", String(64), nullable=False),
    Column("who", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("display_name", String(64), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", String(256), nullable=False, doc="argon2id; empty for none."),
    Column("password_at", DateTime(timezone=True), nullable=False),
    Column("must_change", Boolean, nullable=False, doc="Whether somebody else knows the password."),
    Column("outside_id", String(512), nullable=False, doc="Issuer and subject of an OpenID provider; empty for none."),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("signed_in_at", DateTime(timezone=True)),
    Column("disabled_at", DateTime(timezone=True)),
    Index("accounts_outside_id", "outside_id"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False),
    Column("account", String(64), nullable=False),
    Column("browser", String(120), nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    Index("console_sessions_digest", "digest", unique=True),
    Index("console_sessions_account", "account"),
)

known_browsers = Table(
    "known_browsers",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Index("known_browsers_account", "account"),
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("counted_against", String(64), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Index("failed_sign_ins_last_at", "last_at"),
)


def columns_of_people() -> list[Column[str]]:
    """Return the columns in which a subject's pseudonym may stand: a table that holds one calls it so."""
    return [
        column for table in metadata.sorted_tables for column in table.columns if column.name in ("actor", "subject")
    ]


def open_registry(address: str) -> Engine:
    """Open the registry and bring its tables up to date.

    Parameters
    ----------
    address
        See `civicrec.registry.connection.connect`.

    Raises
    ------
    ConfigError
        If the address is wrong, its driver is missing, or a newer version has migrated it.
    Unavailable
        If it cannot be reached.
    """
    engine = connect(address)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def registry_at(address: str) -> Iterator[Engine]:
    """Open the registry, as `open_registry` does, for the length of the body."""
    engine = open_registry(address)
    try:
        yield engine
    finally:
        engine.dispose()

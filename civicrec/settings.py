"""Settings: every knob, with its unit, bounds and effect; read once in a composition root.

In: ``CIVICREC_…`` environment variables (nested groups with ``__``, as in ``CIVICREC_COLLECTOR__PORT``).
Out: one frozen `Settings`, passed on as plain values. Nothing else reads the environment.
"""

from __future__ import annotations

import json
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from civicrec.crowds import K_ANONYMITY
from civicrec.errors import ConfigError
from civicrec.security.passwords import with_passwords
from civicrec.security.secrets import MIN_CHARACTERS
from civicrec.text import unprintable

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_QUOTED = re.compile(r'"(\w+)"')

Port = Annotated[int, Field(ge=1, le=65_535)]


_HOST = re.compile(r"[^\s/?#@\[\]\x00-\x1f\x7f]{1,253}")


def _is_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError("expected a name or an address alone, one of IPv6 without brackets")
    return host


Host = Annotated[str, AfterValidator(_is_host)]


def _are_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        ip_network(network)
    return networks


Networks = Annotated[tuple[str, ...], AfterValidator(_are_networks)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _is_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if len(text) < MIN_CHARACTERS:
        raise ValueError(f"expected a secret of at least {MIN_CHARACTERS} characters")
    if text in _PLACEHOLDERS:
        raise ValueError("expected a secret of your own, not the words of the sample file")
    return value


#: What the sample file once wrote in place of keys: everybody knows them.
_PLACEHOLDERS = frozenset({"at least 16 signs", "at least 16 characters"})
Key = Annotated[SecretStr, AfterValidator(_is_secret)]


def _is_secret_or_empty(value: SecretStr) -> SecretStr:
    return _is_secret(value) if value.get_secret_value() else value


class Site(_Group):
    """One portal that sends events and asks for lists."""

    key: Key
    """Signs this site's subject tokens (JWT HS256); at least 16 characters."""
    api_key: Key | None = None
    """Server-to-server key, at least 16 characters, sent as ``X-API-Key``; none: no server calls of this site."""
    origins: tuple[str, ...] = ()
    """Browser origins whose pages may send this site's events, such as ``https://www.example.gov.cn``."""


class LimitSettings(_Group):
    """How much the collector takes from one client and one site, in events; a request counts as ten more."""

    address_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second from one address (IPv6: one /64), which a whole office may share; 0 means no limit."""
    server_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second with one site's API key, from any address; 0 means no limit."""
    site_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second of one configured site; 0 means no limit. Less than a collector can do, so others get a share."""
    burst_s: float = Field(default=10, ge=0.1, le=3_600)
    """Seconds' worth of a limit that may come at once after a pause."""
    unlimited_networks: Networks = ("127.0.0.0/8", "::1/128")
    """Networks whose requests have no limit, unless a trusted proxy says whom they come from: this machine."""


class ConnectionSettings(_Group):
    """How long and how many connections to one process may be open."""

    header_timeout_s: float = Field(default=15, ge=0.1, le=600)
    """How long a connection may take to send the head of a request, or rest between two, seconds."""
    body_timeout_s: float = Field(default=20, ge=0.1, le=600)
    """How long a body may take to arrive, seconds; a slower one is answered with 408."""
    max_connections: int = Field(default=4_096, ge=16, le=100_000)
    """Connections open at once, to each process; more wait until one closes."""


class CollectorSettings(ConnectionSettings):
    """The door for events."""

    host: Host = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8701
    """Port to listen on."""
    group_commit_ms: float = Field(default=2.0, ge=0, le=100)
    """How long a write waits for company before its fsync, milliseconds; longer saves disk, costs latency."""
    dedup_window: int = Field(default=500_000, ge=1_000, le=50_000_000)
    """Newest event ids held in memory, about 100 bytes each; older ones are looked up in files of ``<home>/ids``."""
    dedup_hours: float = Field(default=24, gt=0, le=720)
    """How long an event id is known, hours: within them a retry is answered as a duplicate."""
    log_max_mb: int = Field(default=8_192, ge=1, le=100_000_000)
    """Most the event log may hold, MB: beyond it what all readers acknowledged is removed, then events are refused."""
    log_keep_days: float = Field(default=7, gt=0, le=3_650)
    """Acknowledged records older than this are removed even if there is room, days; not before `dedup_hours`."""
    origins: tuple[str, ...] = ("http://127.0.0.1:8702", "http://localhost:8702")
    """Browser origins whose pages may send events while no site is configured."""
    trusted_proxies: Networks = ()
    """Networks whose ``X-Forwarded-For`` is believed: the portal's own proxies, such as ``10.1.2.3``."""
    limits: LimitSettings = LimitSettings()
    ack: Literal["disk", "kafka"] = "disk"
    """When events are answered: `disk` after the fsync, `kafka` after the fsync and Kafka's acknowledgement."""


class TlsSettings(_Group):
    """How to reach a store of one's own that speaks TLS."""

    tls: bool = False
    """Whether to speak TLS; the server's certificate and name are always checked."""
    ca_file: Path | None = None
    """Certificate authority of the server, PEM; none means the system's."""
    cert_file: Path | None = None
    """Certificate to show to the server, PEM, where it asks for one."""
    key_file: Path | None = None
    """Key of that certificate, PEM, without a password; none means it stands in the same file."""


class KafkaSettings(_Group):
    """Kafka behind the collector; see docs/kafka.md."""

    bootstrap: str = ""
    """Brokers to ask first, ``host:port`` with commas between; empty switches Kafka off."""
    events_topic: str = "events.raw.v1"
    """Topic of event batches, keyed by actor."""
    position_topic: str = "events.position.v1"
    """Compacted topic that says how far each collector's log has been forwarded."""
    dead_topic: str = "events.dead.v1"
    """Compacted topic of what a stream on Flink refused, beside the warehouse's ``dead_letters``."""
    partitions: int = Field(default=6, ge=1, le=1_000)
    """Partitions of the events topic when it is created; more later would break the order per actor."""
    replication: int = Field(default=1, ge=1, le=9)
    """Copies of each topic when it is created; a cluster wants 3, of which all but one must confirm a write."""
    retention_days: float = Field(default=7, gt=0, le=3_650)
    """Days the topics of events and of dead letters keep their records when they are created."""
    ack_timeout_ms: int = Field(default=500, ge=1, le=60_000)
    """With ``collector.ack = kafka``, how long an answer waits for Kafka before the disk alone will do, ms."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""
    ca_file: Path | None = None
    """Certificate authority of the brokers, PEM; none means the system's."""
    cert_file: Path | None = None
    """Certificate to show to the brokers, PEM, where they ask for one."""
    key_file: Path | None = None
    """Key of that certificate, PEM, without a password; none means it stands in the same file."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in with a SASL protocol."""
    user: str = ""
    """User name for a SASL protocol."""
    password: SecretStr = SecretStr("")
    """Password for a SASL protocol."""


class StreamSettings(_Group):
    """The Beam micro-batches."""

    runner: Literal["embedded", "flink"] = "embedded"
    """What runs the stream: a process of its own on the event log, or a Flink cluster on Kafka's topic."""
    max_batch_records: int = Field(default=4_000, ge=1, le=100_000)
    """Log records in one micro-batch; a record holds about ten events."""
    max_batch_events: int = Field(default=20_000, ge=1, le=1_000_000)
    """Events in one micro-batch (one record is always taken): larger is faster, smaller is fresher under load."""
    block_records: int = Field(default=100, ge=1, le=10_000)
    """Log records in one Beam element: larger is faster, smaller spreads the work."""
    poll_s: float = Field(default=0.2, gt=0, le=60)
    """Pause before looking at an idle log again, seconds."""
    online_patience_s: float = Field(default=10, ge=0, le=3_600)
    """How long a full or broken online store may hold the stream up before it is left out, to be rebuilt, seconds."""


def _is_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("expected host:port")
    return address


Address = Annotated[str, AfterValidator(_is_address)]


class FlinkSettings(_Group):
    """The Flink cluster and Beam's peers beside it, for ``stream.runner = flink``; see docs/flink.md."""

    rest: Address = "127.0.0.1:8081"
    """JobManager's REST interface."""
    job_endpoint: Address = "127.0.0.1:8099"
    """Beam's job server, which turns the graph into a Flink job."""
    artifact_endpoint: Address = "127.0.0.1:8098"
    """The job server's artifact port."""
    expansion_service: Address = "127.0.0.1:8097"
    """Beam's expansion service, which knows the Java source of Kafka."""
    worker_pool: Address = "127.0.0.1:50000"
    """Pool of Python workers, as the TaskManagers reach it."""
    parallelism: int = Field(default=1, ge=1, le=1_000)
    """Parts the job works in; more than the topic has partitions are idle."""
    checkpoint_folder: Path | None = None
    """The cluster's ``state.checkpoints.dir``, used by this job alone and readable here; needed with Flink."""
    checkpoint_interval_ms: int = Field(default=2_000, ge=100, le=3_600_000)
    """Time between checkpoints, milliseconds; after a crash as much is read again."""
    job_name: str = Field(default="civicrec-stream", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """Name of the job; two installations on one cluster need two."""
    bundle_records: int = Field(default=1_000, ge=1, le=100_000)
    """Most records written to the stores at once; a record holds about ten events."""
    bundle_ms: int = Field(default=250, ge=1, le=60_000)
    """Longest time records wait for company before they are written, milliseconds."""


class ListLimitSettings(_Group):
    """How much one client may ask of a serving process, in lists; any other request counts as one."""

    address_lists_per_s: float = Field(default=200, ge=0, le=1e9)
    """Lists a second from one address (IPv6: one /64), which a whole office may share; 0 means no limit."""
    burst_s: float = Field(default=10, ge=0.1, le=3_600)
    """Seconds' worth of a limit that may come at once after a pause."""
    unlimited_networks: Networks = ("127.0.0.0/8", "::1/128")
    """Networks whose requests have no limit: this machine, and the portal's servers that ask for their visitors."""


class ServingSettings(ConnectionSettings):
    """The door for lists."""

    host: Host = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8702
    """Port to listen on."""
    workers: int = Field(default=2, ge=1, le=64)
    """Processes that answer requests; one core is busy with about one."""
    store_timeout_ms: int = Field(default=150, ge=5, le=5_000)
    """How long to wait for the online store before the fallback answers, milliseconds."""
    catalogue_poll_s: float = Field(default=0.5, gt=0, le=60)
    """How often a change of catalogue or model is looked for, seconds; a withdrawal acts within it."""
    console_password: Annotated[SecretStr, AfterValidator(_is_secret_or_empty)] = SecretStr("")
    """Opens the console; at least 16 characters. Empty means the one in ``<home>/console.key``, made at first use."""
    trusted_proxies: Networks = ()
    """Networks whose ``X-Forwarded-For`` is believed: the portal's own proxies, such as ``10.1.2.3``."""
    limits: ListLimitSettings = ListLimitSettings()


class WarehouseSettings(ConnectionSettings, TlsSettings):
    """ClickHouse, or the embedded gateway that speaks its HTTP interface; the first three are the gateway's."""

    header_timeout_s: float = Field(default=60, ge=0.1, le=600)
    """How long a connection may take to send the head of a request, or rest between two, seconds."""
    body_timeout_s: float = Field(default=60, ge=0.1, le=600)
    """How long a body may take to arrive, or a part of an answer to be taken, seconds."""
    max_connections: int = Field(default=256, ge=16, le=10_000)
    """Connections open at once, a thread each; one more takes the place of the one that has rested longest."""

    host: Host = "127.0.0.1"
    """Host of the HTTP interface."""
    port: Port = 8703
    """Port of the HTTP interface."""
    user: str = "default"
    """User name."""
    password: SecretStr = SecretStr("")
    """Password; empty: the one the embedded warehouse made in ``<home>/warehouse.key``, if it did."""
    database: str = "civicrec"
    """Database that holds all tables."""
    timeout_s: float = Field(default=30, gt=0, le=3_600)
    """Longest wait for one query, seconds."""
    keep_days: int = Field(default=400, ge=62, le=36_500)
    """Days that raw events and dead letters are kept; the nightly job drops whole months that are older."""


class RedisSettings(TlsSettings):
    """The online store: Redis or Valkey."""

    host: Host = "127.0.0.1"
    """Host."""
    port: Port = 8704
    """Port; the embedded stack starts Valkey here."""
    db: int = Field(default=0, ge=0, le=15)
    """Database number."""
    password: SecretStr = SecretStr("")
    """Password; empty: the one the embedded Valkey was given in ``<home>/valkey.key``, if it was started there."""
    max_memory_mb: int = Field(default=512, ge=16, le=1_000_000)
    """Memory of the online store, MB: the embedded Valkey may use so much; of your own server, its ``maxmemory``."""
    max_actors: int = Field(default=0, ge=0, le=1_000_000_000)
    """Visitors whose profile is held, most active and newest first; 0: as many as take two fifths of the memory."""
    min_actors: int = Field(default=K_ANONYMITY, ge=1, le=1_000)
    """Visitors who must stand behind a live trend, or a pair of items read together, before lists tell of it."""


class TrainingSettings(_Group):
    """The nightly job."""

    window_days: int = Field(default=90, ge=1, le=730)
    """Days of behaviour the models learn from."""
    half_life_days: float = Field(default=14, gt=0, le=365)
    """Days after which an interest in a tag weighs half."""
    factors: int = Field(default=64, ge=4, le=512)
    """Length of an ALS vector."""
    neighbours: int = Field(default=200, ge=5, le=1_000)
    """Neighbours kept for an item by the item-item model."""


class AlarmSettings(_Group):
    """When ``civicrec status`` and ``/readyz`` call something a problem."""

    waiting_s: float = Field(default=60, ge=1, le=86_400)
    """Seconds that accepted events may wait for the stream."""
    models_days: int = Field(default=2, ge=1, le=365)
    """Days since the day that the models in force were learned up to."""


#: Of a folder or file, and of a path that still has files below it; systems take no more.
_NAME_BYTES, _PATH_BYTES = 255, 3_800


def _can_be_named(home: Path) -> Path:
    if "?" in str(home) or unprintable(str(home)) or not str(home).isprintable():
        raise ValueError("expected a folder whose name has no question mark and nothing that cannot be shown")
    longest, whole = max(len(os.fsencode(part)) for part in ("", *home.parts)), len(os.fsencode(home.absolute()))
    if longest > _NAME_BYTES or whole > _PATH_BYTES:
        raise ValueError(f"expected names of at most {_NAME_BYTES} bytes, and {_PATH_BYTES} bytes together")
    return home


class Settings(BaseSettings):
    """All settings of one civicrec installation."""

    model_config = SettingsConfigDict(
        env_prefix="CIVICREC_", env_nested_delimiter="__", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Annotated[Path, AfterValidator(_can_be_named)] = Path(".civicrec")
    """Folder that holds all state of the embedded stack: log, warehouse, registry, models, secrets."""
    min_free_disk_mb: int = Field(default=512, ge=0, le=1_000_000)
    """With less free disk than this, MB, `civicrec up` does not start and the collector refuses events."""
    silent_s: float = Field(default=10, ge=2, le=3_600)
    """How long a process may give no sign of life before it is killed and started again, seconds."""
    registry_url: SecretStr = SecretStr("")
    """Address of the registry, ``postgresql://user:password@host/database``; empty: ``<home>/registry.sqlite``."""
    log_format: Literal["console", "json"] = "console"
    """How log lines look: for people, or one JSON object a line."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe line that is written."""
    pepper: Annotated[SecretStr, AfterValidator(_is_secret_or_empty)] = SecretStr("")
    """Secret of at least 16 characters that turns portal user ids into pseudonyms; empty: ``<home>/secret.key``."""
    sites: dict[str, Site] = {}
    """Portals by site id; empty accepts any site id, with keys derived from the pepper (single-portal use)."""
    collector: CollectorSettings = CollectorSettings()
    kafka: KafkaSettings = KafkaSettings()
    stream: StreamSettings = StreamSettings()
    flink: FlinkSettings = FlinkSettings()
    serving: ServingSettings = ServingSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    redis: RedisSettings = RedisSettings()
    training: TrainingSettings = TrainingSettings()
    alarms: AlarmSettings = AlarmSettings()

    @property
    def log_path(self) -> Path:
        """SQLite file of the embedded event log, owned by the collector."""
        return self.home / "events.sqlite"

    @property
    def ids_path(self) -> Path:
        """Folder of the event ids that left the collector's memory, owned by the collector."""
        return self.home / "ids"

    @property
    def forwarded_path(self) -> Path:
        """File that says how far the event log has been forwarded to Kafka, written by the collector."""
        return self.home / "forwarded.json"

    @property
    def stream_path(self) -> Path:
        """SQLite file of the stream's plans and ledger, owned by the stream."""
        return self.home / "stream.sqlite"

    @property
    def flink_path(self) -> Path:
        """File that remembers the newest checkpoint of the Flink job, written by ``civicrec stream``."""
        return self.home / "flink.json"

    @property
    def fences_path(self) -> Path:
        """File that remembers what the Flink job has done of each log, written by ``civicrec stream``."""
        return self.home / "fences.json"

    @property
    def warehouse_path(self) -> Path:
        """Data folder of the embedded warehouse, owned by the gateway."""
        return self.home / "warehouse"

    @property
    def models_path(self) -> Path:
        """Folder of trained models, one subfolder a nightly run."""
        return self.home / "models"

    @property
    def console_key_path(self) -> Path:
        """File of the console's password, where the settings give none."""
        return self.home / "console.key"

    @property
    def registry_address(self) -> str:
        """SQLAlchemy address of the registry in force."""
        return self.registry_url.get_secret_value() or f"sqlite:///{self.home.resolve() / 'registry.sqlite'}"


def load_settings(home: Path | None = None) -> Settings:
    """Read the environment, and the passwords the home holds; an explicit `home` wins over ``CIVICREC_HOME``.

    Raises
    ------
    ConfigError
        If a secret of the home is not good, or a variable is unknown, not JSON or out of bounds; the message names it,
        and tells a value that is no secret.
    """
    try:
        settings = Settings(home=home) if home is not None else Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CIVICREC_" + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigError(f"{name}: {first['msg']}{_got(first)}; see docs/settings.md") from None
    except SettingsError as error:
        field = _QUOTED.search(str(error))
        cause = error.__cause__
        why = f" ({cause.msg}, column {cause.colno})" if isinstance(cause, json.JSONDecodeError) else ""
        name = "CIVICREC_" + (field[1].upper() if field else "…")
        raise ConfigError(f"{name}: not JSON{why}; expected an object or a list, see docs/settings.md") from None
    return with_passwords(settings)


def _got(error: ErrorDetails) -> str:
    """Return what was got, for a declared setting that is no secret; any other value may be one and is not shown."""
    model: object = Settings
    for part in error["loc"]:
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        model = fields[str(part)].annotation if str(part) in fields else None
    is_open = model is not None and not _may_hold_secret(model) and isinstance(error["input"], str | int | float)
    is_open = is_open and "@" not in str(error["input"])  # an address may hold a password before it
    return f" (got {error['input']!r})" if is_open else ""


def _may_hold_secret(kind: object) -> bool:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return True
    return kind is SecretStr or any(_may_hold_secret(part) for part in get_args(kind))

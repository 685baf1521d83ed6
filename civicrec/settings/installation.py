"""All settings of one installation: the groups of this folder, and what belongs to none of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from civicrec import home as files
from civicrec.settings.alarms import AlarmSettings
from civicrec.settings.collector import CollectorSettings
from civicrec.settings.consent import ConsentSettings
from civicrec.settings.environment import Variables
from civicrec.settings.fields import KeyOrEmpty
from civicrec.settings.flink import FlinkSettings
from civicrec.settings.kafka import KafkaSettings
from civicrec.settings.oidc import OidcSettings
from civicrec.settings.polling import PollingSettings
from civicrec.settings.push import PushSettings
from civicrec.settings.redis import RedisSettings
from civicrec.settings.serving import ServingSettings
from civicrec.settings.sites import Site
from civicrec.settings.stream import StreamSettings
from civicrec.settings.training import TrainingSettings
from civicrec.settings.warehouse import WarehouseSettings
from civicrec.text import unprintable

#: Of a folder or file, and of a path that still has files below it; systems take no more.
_NAME_BYTES, _PATH_BYTES = 255, 3_800


def _can_be_named(home: Path) -> Path:
    if "?" in str(home) or unprintable(str(home)) or not str(home).isprintable():
        raise ValueError("expected a folder whose name has no question mark and nothing that cannot be shown")
    longest_bytes, path_bytes = (
        max(len(os.fsencode(part)) for part in ("", *home.parts)),
        len(os.fsencode(home.absolute())),
    )
    if longest_bytes > _NAME_BYTES or path_bytes > _PATH_BYTES:
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
    """With less free disk than this, MB, `civicrec up` does not start and no event is taken; with half, no insert."""
    silent_s: float = Field(default=10, ge=2, le=3_600)
    """How long a process may give no sign of life before it is killed and started again, seconds."""
    registry_url: SecretStr = SecretStr("")
    """Address of the registry, ``postgresql://user:password@host/database``; empty: ``<home>/registry.sqlite``."""
    log_format: Literal["console", "json"] = "console"
    """How log lines look: for people, or one JSON object a line."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe line that is written."""
    pepper: KeyOrEmpty = SecretStr("")
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
    polling: PollingSettings = PollingSettings()
    push: PushSettings = PushSettings()
    alarms: AlarmSettings = AlarmSettings()
    consent: ConsentSettings = ConsentSettings()
    oidc: OidcSettings = OidcSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what a caller gives, then the environment, and no file."""
        return init_settings, Variables(settings_cls)

    @property
    def shared_sites(self) -> tuple[str, ...]:
        """Sites whose pages stand on devices that many use."""
        return tuple(sorted(site_id for site_id, site in self.sites.items() if site.shared_devices))

    @property
    def log_path(self) -> Path:
        """SQLite file of the embedded event log, owned by the collector."""
        return files.EVENTS.of(self.home)

    @property
    def ids_path(self) -> Path:
        """Folder of the event ids that left the collector's memory, owned by the collector."""
        return files.IDS.of(self.home)

    @property
    def forwarded_path(self) -> Path:
        """File that says how far the event log has been forwarded to Kafka, written by the collector."""
        return files.FORWARDED.of(self.home)

    @property
    def stream_path(self) -> Path:
        """SQLite file of the stream's plans and ledger, owned by the stream."""
        return files.STREAM.of(self.home)

    @property
    def flink_path(self) -> Path:
        """File that remembers the newest checkpoint of the Flink job, written by ``civicrec stream``."""
        return files.FLINK.of(self.home)

    @property
    def progress_path(self) -> Path:
        """File that remembers what the Flink job has done of each log, written by ``civicrec stream``."""
        return files.PROGRESS.of(self.home)

    @property
    def warehouse_path(self) -> Path:
        """Data folder of the embedded warehouse, owned by the gateway."""
        return files.WAREHOUSE.of(self.home)

    @property
    def served_path(self) -> Path:
        """SQLite file of served lists on their way to the warehouse, written by ``civicrec serve``."""
        return files.SERVED.of(self.home)

    @property
    def scenes_path(self) -> Path:
        """Folder of the operator's own scenes, a file each; it need not exist."""
        return files.SCENES.of(self.home)

    @property
    def models_path(self) -> Path:
        """Folder of trained models, one subfolder a nightly run."""
        return files.MODELS.of(self.home)

    @property
    def console_key_path(self) -> Path:
        """File of the console's password, where the settings give none."""
        return files.CONSOLE_KEY.of(self.home)

    @property
    def registry_address(self) -> str:
        """SQLAlchemy address of the registry in force."""
        return self.registry_url.get_secret_value() or f"sqlite:///{files.REGISTRY.of(self.home.resolve())}"

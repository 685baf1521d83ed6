"""Settings: every knob, with its unit, bounds and effect; read once in a composition root.

In: ``CIVICREC_…`` environment variables (nested groups with ``__``, as in ``CIVICREC_COLLECTOR__PORT``).
Out: one frozen `Settings`, passed on as plain values. Nothing else reads the environment.
A group is a file; docs/settings.md lists them all.
"""

from civicrec.settings.alarms import AlarmSettings
from civicrec.settings.collector import CollectorSettings, LimitSettings
from civicrec.settings.connections import ConnectionSettings
from civicrec.settings.consent import ConsentSettings
from civicrec.settings.flink import FlinkSettings
from civicrec.settings.installation import Settings
from civicrec.settings.kafka import KafkaSettings
from civicrec.settings.load import load_settings
from civicrec.settings.peers import PeerSettings
from civicrec.settings.polling import PollingSettings
from civicrec.settings.redis import RedisSettings
from civicrec.settings.serving import ListLimitSettings, ServingSettings
from civicrec.settings.sites import Site
from civicrec.settings.store import StoreSettings
from civicrec.settings.stream import StreamSettings
from civicrec.settings.training import TrainingSettings
from civicrec.settings.warehouse import WarehouseSettings

__all__ = [
    "AlarmSettings",
    "CollectorSettings",
    "ConnectionSettings",
    "ConsentSettings",
    "FlinkSettings",
    "KafkaSettings",
    "LimitSettings",
    "ListLimitSettings",
    "PeerSettings",
    "PollingSettings",
    "RedisSettings",
    "ServingSettings",
    "Settings",
    "Site",
    "StoreSettings",
    "StreamSettings",
    "TrainingSettings",
    "WarehouseSettings",
    "load_settings",
]

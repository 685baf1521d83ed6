"""All stores of an installation that hold personal data, in the order in which a person is erased from them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from civicrec.erasure import PersonalStore
from civicrec.eventlog.erasing import LogRecords
from civicrec.home import NIGHTLY_LOCK, VALKEY_DAMAGED
from civicrec.process.locks import is_owned
from civicrec.settings import Settings
from civicrec.warehouse.erasing import ReplacedParts, ServedLists, personal_tables
from civicrec.warehouse.night_tables import NightTables
from civicrec.warehouse.ports import Warehouse
from profiles.online.ports import DecidedStore
from streaming.erasing.decided import Attributes, Consents, Decisions, Pushes
from streaming.erasing.event_ids import EventIds
from streaming.erasing.online import OnlineKeys
from streaming.erasing.waiting_lists import WaitingLists, requests_in_log


def personal_stores(
    settings: Settings, registry: Engine, warehouse: Warehouse, online: DecidedStore
) -> Sequence[PersonalStore]:
    """Return the stores: by log and `events` others find the person, so these come after them.

    The online store comes after `events`, from which a rebuild would take what it lost.
    """
    log = LogRecords(settings.log_path)
    return (
        Decisions(registry),
        Consents(registry),
        Attributes(registry),
        Pushes(registry),
        WaitingLists(settings.served_path, log, warehouse),
        ServedLists(warehouse, partial(requests_in_log, log)),
        EventIds(settings, warehouse),
        log,
        *personal_tables(warehouse),
        OnlineKeys(online, partial(_remove_damaged, settings)),
        NightTables(warehouse, partial(is_owned, NIGHTLY_LOCK.of(settings.home))),
        ReplacedParts(warehouse),
    )


def _remove_damaged(settings: Settings) -> None:
    """Remove what of the online store could not be read and was set aside: nobody can be found in it."""
    for folder in settings.home.glob(VALKEY_DAMAGED.name):
        shutil.rmtree(folder)

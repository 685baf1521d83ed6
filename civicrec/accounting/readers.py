"""How far the log's readers have come for certain: what all of them are done with may be removed.

In: settings. Out: one offset.
"""

from __future__ import annotations

from collections.abc import Callable

from civicrec.accounting.proofs import proved_position
from civicrec.kafka.position import kept_position
from civicrec.settings import Settings


def stream_offset(settings: Settings) -> int | None:
    """Return what is proved stored; `None` if no embedded stream has ever run here, or Flink reads Kafka instead."""
    if settings.stream.runner == "flink" or not settings.stream_path.exists():
        return None
    return proved_position(settings.stream_path)


def kafka_offset(settings: Settings) -> int | None:
    """Return what Kafka has, as the file beside the log says; `None` while Kafka is off."""
    if not settings.kafka.bootstrap:
        return None
    kept = kept_position(settings.forwarded_path)
    return kept.offset if kept else 0


#: Each tells the last offset a reader is done with, or `None` if that reader does not exist here.
READERS: tuple[Callable[[Settings], int | None], ...] = (stream_offset, kafka_offset)


def acknowledged(settings: Settings) -> int:
    """Return the offset up to which every reader is done, 0 while there is none.

    Raises
    ------
    civicrec.errors.Unavailable
        If one cannot be asked.
    """
    offsets = [offset for reader in READERS if (offset := reader(settings)) is not None]
    return min(offsets, default=0)

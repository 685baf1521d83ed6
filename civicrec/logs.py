"""Logs: structlog through the standard library, so our lines, granian's and Beam's form one stream on stderr."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Literal

import structlog

#: Errors that led to one another and are still told.
_MAX_CHAIN = 5


def set_up_logs(log_format: Literal["console", "json"] = "console", level: str = "INFO", process: str = "") -> None:
    """Render every log line of this process in one format, on stderr.

    Parameters
    ----------
    log_format
        `console` for people, `json` for one object a line.
    level
        Least severe level that is written.
    process
        Name of this process, added to each line.
    """

    def add_process(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if process:
            event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
    ]
    if log_format == "json":
        renderers: list[structlog.typing.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        # The renderer's own tracebacks print local variables: tokens, addresses, keys.
        renderers = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    handler.addFilter(_is_news)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what others say better: each try of a client, and the clouds Beam cannot find at its import."""
    library = record.name.partition(".")[0]
    if library in ("urllib3", "apache_beam"):
        return record.levelno >= logging.ERROR
    if library in ("httpx", "httpcore"):  # their lines hold whole addresses, with whatever stands in the query
        return record.levelno >= logging.WARNING
    if library == "kafka":  # even a refused connection is an error to it, several times a second
        return record.levelno >= logging.CRITICAL
    return not str(record.msg).startswith("apitools not found")  # Beam says this one in the root's name


def place_of(error: BaseException) -> str:
    """Return where an error of a request came from, frame by frame, without its words: they may be what was sent.

    Log it as ``exception``, which is printed as tracebacks are.
    """
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < _MAX_CHAIN:
        parts.append("".join(traceback.format_tb(one.__traceback__)) + type(one).__name__)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\n".join(reversed(parts))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; call it with a past-tense event name and key-value facts."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from civicrec.logs import get_logger, set_up_logs

SECRET = "eyJhbGciOiJIUzI1NiJ9.canary"


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fails_with(token: str) -> None:
    holder = {"authorization": f"Bearer {token}"}
    raise KeyError(sorted(holder))


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_names_the_place_and_no_local_variable(
    log_format: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(log_format)
    for log in (get_logger("ours"), logging.getLogger("theirs")):
        try:
            fails_with(SECRET)
        except KeyError:
            log.exception("request_failed")
    said = capsys.readouterr().err
    assert said.count("fails_with") == 4  # for each logger the frame that calls and the frame that fails
    assert SECRET not in said
    assert len(said) < 6_000


def test_a_client_does_not_log_the_addresses_it_asks(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs()
    logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/v1?subject_token=%s", SECRET)
    logging.getLogger("httpx").warning("something is wrong")
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "something is wrong" in said

"""The pool of engine connections: none is lost, whatever fails."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from operations.stack.engine import Engine, EngineError, Statement, _Connection, _StuckError

pytestmark = pytest.mark.stack
CONNECTIONS = 2


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = Engine(tmp_path / "data", CONNECTIONS)
    yield opened
    opened.close()


def test_a_connection_that_cannot_be_replaced_is_not_lost(engine: Engine) -> None:
    lasting = Statement("CREATE TEMPORARY TABLE mine (a Int8)")
    with patch.object(Engine, "_open", side_effect=RuntimeError("std::bad_alloc")):
        for _ in range(2 * CONNECTIONS):
            with suppress(EngineError):
                engine.run(lasting, wait_s=1)
    for _ in range(2 * CONNECTIONS):
        assert engine.run(Statement("EXISTS TEMPORARY TABLE mine"), wait_s=1).data == b"0\n"


def test_a_stuck_connection_is_not_lost_either(engine: Engine) -> None:
    for _ in range(CONNECTIONS):
        engine.run(Statement("SELECT 1"))
    with (
        patch.object(Engine, "_open", side_effect=RuntimeError("std::bad_alloc")),
        patch.object(_Connection, "_arrange", _stuck),
    ):
        for _ in range(2 * CONNECTIONS):
            with pytest.raises(EngineError) as caught:
                engine.run(Statement("SELECT 1"), wait_s=1)
            assert caught.value.code == 241
    assert engine.run(Statement("SELECT 1"), wait_s=1).data == b"1\n"


def _stuck(connection: _Connection, _: Statement) -> None:
    connection.is_spent = True
    raise _StuckError


def test_what_a_failed_statement_had_found_is_not_the_answer_to_the_next(engine: Engine, tmp_path: Path) -> None:
    reading = Engine(tmp_path / "data", 1, {"max_result_rows": "1000000"})
    try:
        with pytest.raises(EngineError) as caught:
            reading.run(Statement("SELECT number FROM system.numbers LIMIT 2000000"))
        assert caught.value.code == 396
        assert reading.run(Statement("SELECT 'mine'")).data == b"mine\n"
    finally:
        reading.close()

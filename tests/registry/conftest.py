"""Registries for the tests of this folder, empty, on both databases."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from civicrec.registry.tables import open_registry
from tests.services.postgresql import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return what makes the address of another empty database each time; the test runs once for each kind."""
    if request.param == "sqlite":
        numbers = count()
        return lambda: f"sqlite:///{tmp_path}/new/folder/registry-{next(numbers)}.sqlite"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.database


@pytest.fixture
def address(new_address: Callable[[], str]) -> str:
    """Return the address of an empty database."""
    return new_address()


@pytest.fixture
def registry(address: str) -> Iterator[Engine]:
    engine = open_registry(address)
    yield engine
    engine.dispose()

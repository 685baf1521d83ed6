"""Fixtures shared by all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.running import RunningStack, running_stack
from tests.services.broker import Broker
from tests.services.postgresql import PostgreSQL

# The first example pays for imports, and the machine is shared: a time limit on one example says nothing here.
settings.register_profile("civicrec", deadline=None, print_blob=True)
settings.load_profile("civicrec")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The whole embedded stack, started once; tests that use it are marked `stack` and keep to ids of their own."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka broker, started once; tests that use it are marked `kafka` and have topics of their own."""
    one = Broker(tmp_path_factory.mktemp("kafka"))
    one.start()
    yield one
    one.kill()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server, started once; tests that use it have databases of their own."""
    one = PostgreSQL()
    try:
        one.start()
        yield one
    finally:
        one.remove()

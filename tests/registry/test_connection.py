"""What an operator is told when the registry's database cannot be used: one line, and never the password."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from civicrec.errors import CivicrecError, ConfigError, InvalidInput, Unavailable
from civicrec.registry.catalogue import catalogue_version, upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from tests.item_builders import an_item
from tests.running import free_ports
from tests.services.postgresql import PASSWORD, PostgreSQL

SECRET = "s3cret"


def message_of(address: str, fault: type[CivicrecError]) -> str:
    """The message of the fault that opening this address raises."""
    with pytest.raises(fault) as caught:
        open_registry(address)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("registry.sqlite", "cannot be read; expected sqlite:"),
        (f"postgresql://keeper:{SECRET}@host:port/db", "cannot be read; expected sqlite:"),
        (f"postgresql://keeper:s3@{SECRET}@host/db", "more than one @"),
        (f"mysql://keeper:{SECRET}@host/db", "of kind 'mysql'; expected sqlite:"),
        (f"sqlite+aiosqlite:///{SECRET}/registry.sqlite", "of kind 'sqlite.aiosqlite'"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_was_expected(address: str, says: str) -> None:
    assert says.replace("sqlite.a", "sqlite+a") in message_of(address, ConfigError)


def test_an_address_nobody_listens_on_is_unavailable() -> None:
    port = free_ports(1)[0]
    message = message_of(f"postgresql://keeper:{SECRET}@127.0.0.1:{port}/db?sslpassword={SECRET}", Unavailable)
    assert message.startswith(f"the registry at postgresql+psycopg://keeper:***@127.0.0.1:{port}/db cannot be used now")
    assert "refused" in message


def test_a_misspelt_option_is_named_without_its_value() -> None:
    message = message_of(f"postgresql://keeper:{SECRET}@127.0.0.1:1/db?pasword={SECRET}", ConfigError)
    assert message.startswith('CIVICREC_REGISTRY_URL: invalid connection option "pasword"; expected options of libpq')


def test_a_wrong_password_and_an_unknown_database_are_told_apart(postgresql: PostgreSQL) -> None:
    assert "password authentication failed" in message_of(postgresql.address(password=SECRET), Unavailable)
    assert 'database "absent" does not exist' in message_of(postgresql.address("absent"), Unavailable)


def test_the_password_may_stand_in_libpqs_own_variable(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    address = postgresql.database().replace(":" + PASSWORD.replace(" ", "%20"), "")
    assert "password" in message_of(address, Unavailable)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    open_registry(address).dispose()


def test_a_missing_driver_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = message_of(f"postgresql://keeper:{SECRET}@127.0.0.1/db", ConfigError)
    assert "needs the driver psycopg" in message
    assert message.endswith("install it with: pip install 'civicrec[postgresql]'")


def test_a_user_without_rights_is_told_so(postgresql: PostgreSQL) -> None:
    address = postgresql.database()
    postgresql.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
    as_reader = address.replace("keeper:" + PASSWORD.replace(" ", "%20"), f"reader:{SECRET}")
    assert "does not let its user do this" in message_of(as_reader, ConfigError)
    open_registry(address).dispose()
    postgresql.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", address)
    engine = open_registry(as_reader)  # nothing to migrate, so reading is enough
    assert catalogue_version(engine) == 0
    with pytest.raises(ConfigError, match="permission denied for table counters"):
        upsert_items(engine, [an_item()])
    engine.dispose()


def test_a_value_that_does_not_fit_is_the_callers_fault(postgresql: PostgreSQL) -> None:
    engine = open_registry(postgresql.database())
    with pytest.raises(InvalidInput, match="too long"), engine.begin() as connection:
        connection.execute(text("INSERT INTO counters VALUES (:name, 1)"), {"name": "n" * 65})
    engine.dispose()


def test_titles_with_nul_from_before_they_were_cleaned_are_kept_on_both_databases(
    new_address: Callable[[], str],
) -> None:
    from civicrec.registry.catalogue import items_since

    engine = open_registry(new_address())
    upsert_items(engine, [msgspec.structs.replace(an_item(), title="前\0后")])
    assert [item.title for item in items_since(engine)[1]] == ["前\0后"]
    engine.dispose()


def test_a_server_that_restarts_is_used_again(postgresql: PostgreSQL) -> None:
    engine = open_registry(postgresql.database())
    upsert_items(engine, [an_item()])
    postgresql.stop()
    try:
        with pytest.raises(Unavailable, match="cannot be used now"):
            catalogue_version(engine)
    finally:
        postgresql.start()
    assert catalogue_version(engine) == 1
    engine.dispose()


def test_a_folder_or_file_in_the_way_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way" * 100)
    assert "cannot be opened" in message_of(f"sqlite:///{tmp_path}/file/registry.sqlite", Unavailable)
    assert "file is not a database" in message_of(f"sqlite:///{tmp_path}/file", Unavailable)
    assert "unable to open database file" in message_of(f"sqlite:///{tmp_path}", Unavailable)


def test_settings_do_not_show_the_password() -> None:
    settings = Settings(registry_url=f"postgresql://keeper:{SECRET}@host/db")
    assert SECRET not in repr(settings)
    assert settings.registry_address == f"postgresql://keeper:{SECRET}@host/db"

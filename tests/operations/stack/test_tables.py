"""``civicrec doctor`` and its --migrate, as an operator meets them: on real stores, empty, up to date, newer, away."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from civicrec.errors import ConfigError
from civicrec.registry.connection import connect
from civicrec.registry.migrate import migrations as registry_migrations
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrations as warehouse_migrations
from operations.cli import app
from tests.running import RunningStack, free_ports, running_stack

pytestmark = pytest.mark.stack
REGISTRY = ", ".join(name for name, _ in registry_migrations())
WAREHOUSE = ", ".join(name for name, _ in warehouse_migrations())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as running:
        yield running


def doctor(gateway: RunningStack, name: str, *words: str, **variables: str) -> tuple[int, dict[str, str]]:
    """Run it on a registry and a database called `name`; return its exit code and what it says of the tables."""
    done = CliRunner().invoke(app, ["doctor", *words], env={**gateway.env, **place(gateway, name), **variables})
    assert (done.stderr, isinstance(done.exception, SystemExit | None)) == ("", True)
    lines = [line for line in done.stdout.splitlines() if line[9:].startswith(("registry tables", "warehouse tables"))]
    return done.exit_code, {line[9:29].strip(): f"{line[:9].strip()}: {line[29:]}" for line in lines}


def place(gateway: RunningStack, name: str) -> dict[str, str]:
    path = gateway.settings.home / f"{name}.sqlite"
    return {"CIVICREC_REGISTRY_URL": f"sqlite:///{path}", "CIVICREC_WAREHOUSE__DATABASE": name}


def test_both_stores_are_migrated_it_is_said_what_ran_and_again_nothing_does(gateway: RunningStack) -> None:
    assert doctor(gateway, "fresh", "--migrate") == (
        0, {"registry tables": f"ok: migrated: {REGISTRY}", "warehouse tables": f"ok: migrated: {WAREHOUSE}"},
    )  # fmt: skip
    nothing = "ok: up to date, nothing was run"
    assert doctor(gateway, "fresh", "--migrate") == (0, {"registry tables": nothing, "warehouse tables": nothing})
    assert doctor(gateway, "fresh") == (0, {"registry tables": "ok: up to date", "warehouse tables": "ok: up to date"})


def test_without_the_word_nothing_is_made_and_what_is_pending_is_said(gateway: RunningStack) -> None:
    path = gateway.settings.home / "old.sqlite"
    code, told = doctor(gateway, "old")
    assert code == 0
    assert told["registry tables"].startswith(f"absent: no {path} yet")
    assert "no database 'old' yet" in told["warehouse tables"]
    assert not path.exists()
    connect(f"sqlite:///{path}").connect().close()
    assert f"to be migrated: {REGISTRY}; `civicrec doctor --migrate`" in doctor(gateway, "old")[1]["registry tables"]


def test_stores_of_a_newer_version_are_one_clear_line_each(gateway: RunningStack) -> None:
    doctor(gateway, "newer", "--migrate")
    where = place(gateway, "newer")
    engine = connect(where["CIVICREC_REGISTRY_URL"])
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO migrations (name) VALUES ('9998_of_tomorrow.sql')"))
    engine.dispose()
    settings = gateway.settings.warehouse.model_copy(update={"database": "newer"})
    with closing(ClickHouseWarehouse(settings)) as warehouse:
        warehouse.command("INSERT INTO migrations (name) SELECT '9998_of_tomorrow.sql'")
    for words in ((), ("--migrate",)):
        code, told = doctor(gateway, "newer", *words)
        assert code == 1
        for store in ("registry", "warehouse"):
            assert told[f"{store} tables"].startswith("missing: ")
            assert f"the {store} was migrated by a newer civicrec: it has 9998" in told[f"{store} tables"]
    listed = CliRunner().invoke(app, ["catalog", "list"], env={**gateway.env, **where})
    assert listed.stdout == ""
    assert isinstance(listed.exception, ConfigError)  # which the root command prints as one line


def test_a_store_that_is_away_is_named_and_the_other_one_is_migrated(gateway: RunningStack) -> None:
    nobody = {"CIVICREC_WAREHOUSE__PORT": str(free_ports(1)[0])}
    code, told = doctor(gateway, "away", "--migrate", **nobody)
    assert (code, told["registry tables"]) == (1, f"ok: migrated: {REGISTRY}")
    assert "does not answer" in told["warehouse tables"]
    assert "an embedded one is migrated by its own start" in told["warehouse tables"]


def test_a_warehouse_of_a_newer_version_does_not_start_and_says_why(tmp_path: Path) -> None:
    with (
        running_stack(tmp_path, only=("warehouse",)) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):
        warehouse.command("INSERT INTO migrations (name) SELECT '9998_of_tomorrow.sql'")
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "warehouse"],
        env=stack.env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.rstrip().splitlines()[-1].startswith("civicrec: the warehouse was migrated by a newer civicrec")

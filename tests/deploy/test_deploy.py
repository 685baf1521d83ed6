"""What is in ``deploy/`` and docs/operations.md is held to the code: variables, commands, folders, metrics, units."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from civicrec.errors import ConfigError
from civicrec.settings import RedisSettings, Settings
from operations.cli import app
from operations.stack.valkey import valkey_config
from tests.running import wait_for

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("civicrec*.*"))
UNITS = [unit for unit in UNITS if unit.is_file()]
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "civicrec"}
PAGE = (ROOT / "docs/operations.md").read_text()
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
PASSWORD = "open sesame, open"
#: The example filled in: every line that may be set, set.
FILLED_IN = {
    name: value.strip("'").replace('""', f'"{PASSWORD}"') or PASSWORD
    for name, value in re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", (DEPLOY / "civicrec.env.example").read_text(), re.M)
}


def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):  # noqa: TID251
        if name.startswith("CIVICREC_"):
            monkeypatch.delenv(name)


def known_variables() -> set[str]:
    sys.path.insert(0, str(ROOT / "docs"))
    import generate

    return {name for name, _, _ in generate.settings_of(Settings)}


def check_command(words: list[str]) -> None:
    """Fail unless the command line has this command with these options."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    assert set(words) <= {option for parameter in command.params for option in parameter.opts}


def exec_start(unit: Path) -> list[str]:
    (line,) = re.findall(r"^ExecStart=/opt/civicrec/bin/civicrec (.+)$", unit.read_text(), re.M)
    return str(line).split()


def test_every_variable_exists() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    named = set(re.findall(r"CIVICREC_[A-Z][A-Z_]*[A-Z]", "\n".join(texts)))
    assert len(named) > 10
    assert named - known_variables() == set()


@pytest.mark.parametrize("name", OURS)
def test_what_compose_and_the_example_say_are_good_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)
    for variable, value in {**FILLED_IN, **OURS[name]["environment"]}.items():
        assert isinstance(value, str), f"{variable} is not quoted: YAML would change its form"
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert (settings.redis.host, settings.warehouse.host, settings.kafka.bootstrap) == (
        "redis", "clickhouse", "kafka:9092",
    )  # fmt: skip
    assert settings.registry_address == "postgresql://civicrec@postgres/civicrec"
    assert settings.redis.password.get_secret_value() == settings.warehouse.password.get_secret_value() == PASSWORD
    assert list(settings.sites) == ["demo"]


def test_what_the_units_set_are_good_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)
    common = (DEPLOY / "systemd/civicrec-.service.d/50-common.conf").read_text()
    for pair in re.findall(r"^Environment=(.+)$", common, re.M)[0].split():
        monkeypatch.setenv(*pair.split("=", 1))
    assert Settings().home == Path("/var/lib/civicrec")
    assert int(re.findall(r"^LimitNOFILE=(\d+)$", common, re.M)[0]) >= Settings().collector.max_connections + 256


def test_the_example_as_it_is_does_for_the_embedded_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)
    example = (DEPLOY / "civicrec.env.example").read_text()
    for name, value in re.findall(r"^(CIVICREC_[A-Z_]+)=(.*)$", example, re.M):
        monkeypatch.setenv(name, value)
    assert (Settings().sites, Settings().redis.password.get_secret_value()) == ({}, "")


def test_no_password_stands_in_a_file() -> None:
    example = (DEPLOY / "civicrec.env.example").read_text()
    assert re.findall(r"^[A-Z_]*PASSWORD=(.+)$", example, re.M) == []
    for line in (DEPLOY / "compose.yaml").read_text().splitlines():
        if re.search(r"(PASSWORD|AUTH): ", line):
            assert re.search(r": \$\{[A-Z_]+:\?set it in deploy/\.env\}$", line), line


def test_every_command_exists_and_each_process_has_one() -> None:
    for service in OURS.values():
        check_command(list(service["command"]))
    for unit in SERVICES:
        check_command(exec_start(unit))
    assert {"collect", "stream", "serve", "nightly"} <= {service["command"][0] for service in OURS.values()}
    assert {exec_start(unit)[0] for unit in SERVICES} == {
        "collect", "stream", "serve", "warehouse", "nightly", "up", "catalog",
    }  # fmt: skip


def test_compose_is_whole_what_is_named_is_there_and_stores_are_official_images_that_tell_of_their_health() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
        for volume in service["volumes"]:
            assert volume.split(":")[0] in COMPOSE["volumes"], f"{name} has no volume {volume}"
    stores = {name: service["image"].split(":") for name, service in services.items() if name not in OURS}
    assert {name: image for name, (image, _) in stores.items()} == {
        "kafka": "apache/kafka", "clickhouse": "clickhouse/clickhouse-server", "redis": "redis", "postgres": "postgres",
    }  # fmt: skip
    assert all("healthcheck" in services[name] for name in stores)
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    assert all(OURS[name]["profiles"] for name in ("nightly", "poll"))  # else they would run at every start


def test_the_health_of_our_endpoints_is_asked_at_their_own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    without_settings(monkeypatch)
    for name, port in (("collect", Settings().collector.port), ("serve", Settings().serving.port)):
        assert f"http://127.0.0.1:{port}/readyz" in OURS[name]["healthcheck"]["test"][-1]
        assert OURS[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
        compile(OURS[name]["healthcheck"]["test"][-1], name, "exec")


def test_redis_is_configured_as_the_stack_configures_its_own() -> None:
    written = set(COMPOSE["services"]["redis"]["command"][-1].splitlines()[1:-1])
    ours = valkey_config(RedisSettings(password="$$REDISCLI_AUTH"), Path()).splitlines()
    kept = {line for line in ours if line.startswith(("append", "save", "maxmemory-policy", "requirepass"))}
    assert len(kept) == 5
    assert kept < written


def test_the_redis_of_compose_starts_with_that_configuration(tmp_path: Path) -> None:
    if not shutil.which("redis-server"):
        pytest.skip("Redis is not installed; its tests need Debian's package redis-server")
    _, _, script = COMPOSE["services"]["redis"]["command"]
    script = script.replace("$$", "$").replace("redis-server -", "redis-server - --port 0 --unixsocket redis.sock")
    env = {**os.environ, "REDISCLI_AUTH": "open sesame"}  # noqa: TID251  # a child needs PATH
    ask = ["redis-cli", "-s", str(tmp_path / "redis.sock")]
    with subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL) as server:
        try:
            for name, value in (("appendfsync", "always"), ("maxmemory-policy", "noeviction"), ("save", "")):
                done = _until_answered([*ask, "config", "get", name], env)
                assert done.splitlines()[:2] == [name, value]
            refused = subprocess.run([*ask, "ping"], env={**env, "REDISCLI_AUTH": ""}, capture_output=True, text=True)
            assert "NOAUTH" in refused.stdout
        finally:
            server.terminate()


def _until_answered(command: list[str], env: dict[str, str]) -> str:
    def answer() -> str:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 and "LOADING" not in done.stdout else ""

    return str(wait_for(answer, what="Redis"))


def test_the_image_takes_what_the_wheel_is_made_of() -> None:
    packages = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    assert copied == packages | {"pyproject.toml", "uv.lock", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)
    let_in = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert let_in == copied
    known = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in lines if line and line[0].isupper()} == known
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"--extra (\S+)", (DEPLOY / "Dockerfile").read_text())) <= set(extras)


@pytest.fixture(scope="module")
def installed_units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the units as they would stand in /etc, with the program where it is here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed; its tests need Debian's package systemd")
    folder = tmp_path_factory.mktemp("units") / "system"
    shutil.copytree(DEPLOY / "systemd", folder)
    program = str(Path(sys.executable).with_name("civicrec"))
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/civicrec/bin/civicrec", program))
    return folder


def test_systemd_understands_every_unit(installed_units: Path) -> None:
    units = [str(installed_units / unit.name) for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "civicrec" in line] == []


def test_every_unit_is_shut_in(installed_units: Path) -> None:
    for unit in SERVICES:
        asked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]  # 20 is 2.0 of 10
        done = subprocess.run([*asked, installed_units / unit.name], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{unit.name}: {done.stdout.splitlines()[-1]}"


def test_units_come_back_after_a_crash_and_not_after_a_wrong_setting() -> None:
    common = (DEPLOY / "systemd/civicrec-.service.d/50-common.conf").read_text()
    assert f"\nRestartPreventExitStatus={ConfigError.exit_code}\n" in common
    for unit in SERVICES:
        assert "\nRestart=on-failure\n" in unit.read_text()


def test_units_are_watched_bounded_and_keep_to_networks_of_their_own() -> None:
    common = (DEPLOY / "systemd/civicrec-.service.d/50-common.conf").read_text()
    assert "\nIPAddressDeny=any\n" in common
    for unit in SERVICES:
        text = unit.read_text()
        assert re.search(r"^MemoryMax=\d+%$", text, re.M), unit.name
        long_lived = "\nType=oneshot\n" not in text
        assert ("\nType=notify\n" in text, "\nWatchdogSec=" in text) == (long_lived, long_lived), unit.name
        if long_lived:
            assert int(re.findall(r"^WatchdogSec=(\d+)$", text, re.M)[0]) > Settings().silent_s


def test_what_builds_an_installation_is_pinned() -> None:
    pinned = set(re.findall(r"uv==([\d.]+)", (DEPLOY / "Dockerfile").read_text()))
    assert pinned == set(re.findall(r"^UV_VERSION := ([\d.]+)$", (ROOT / "Makefile").read_text(), re.M))
    assert len(pinned) == 1
    images = [service["image"] for name, service in COMPOSE["services"].items() if name not in OURS]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.M)
    assert all(re.search(r":\d|@sha256:", image) for image in images)


def test_the_store_is_told_how_much_memory_the_redis_of_compose_has() -> None:
    (gigabytes,) = re.findall(r"^maxmemory (\d+)gb$", COMPOSE["services"]["redis"]["command"][-1], re.M)
    said = {OURS[name]["environment"]["CIVICREC_REDIS__MAX_MEMORY_MB"] for name in OURS}
    assert said == {str(int(gigabytes) * 1024)}


def test_every_alert_is_explained_and_every_explained_alert_is_a_rule() -> None:
    assert sorted(rule["alert"] for rule in RULES) == sorted(re.findall(r"^\| `(Civicrec\w+)` \|", PAGE, re.M))


def metrics_in(text: str) -> set[str]:
    return {re.sub("_(bucket|count|sum)$", "", name) for name in re.findall(r"\bcivicrec_[a-z_]+", text)}


def test_what_an_alert_is_made_of_stands_beside_it() -> None:
    rows = dict(re.findall(r"^\| `(Civicrec\w+)` \| ([^|]+) \|", PAGE, re.M))
    for rule in RULES:
        assert metrics_in(rule["expr"]) - {"civicrec_"} <= metrics_in(rows[rule["alert"]]) | (
            {"civicrec_collect_seconds"} if rows[rule["alert"]].startswith("the same") else set()
        )

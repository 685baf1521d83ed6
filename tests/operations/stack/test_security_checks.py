"""`civicrec doctor --security`, look by look: on a home that has the hole and on one that has not."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from civicrec.clock import utc_now
from civicrec.home import CONSOLE_KEY, EVENTS, PEPPERS, SECRET_KEY, SITES, VALKEY_KEY, WAREHOUSE
from civicrec.registry.audit import Act, record_alone
from civicrec.registry.tables import registry_at
from civicrec.security.secrets import ensure_secret
from civicrec.settings import Settings
from operations.cli import app
from operations.stack.security import files, network, passwords, reader, running
from operations.stack.security.examine import examine_security, look_at_audit
from operations.stack.security.openings import Opening
from tests.running import settings_on_free_ports

#: Made anew in each run: command lines are those of the whole machine.
GOOD, OTHER = token_hex(16), token_hex(16)


def grades(openings: list[Opening]) -> list[str]:
    return [one.grade for one in openings]


def settings_of(home: Path, **groups: Any) -> Settings:
    return Settings.model_validate({"home": home, **groups})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as civicrec makes it: for its account alone."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    ensure_secret(SECRET_KEY.of(folder))
    EVENTS.of(folder).touch(0o600)
    (WAREHOUSE.of(folder) / "store").mkdir(parents=True, mode=0o700)
    (WAREHOUSE.of(folder) / "store" / "data.bin").touch(0o600)
    return folder


def test_secrets_of_the_home_that_others_read_are_holes(home: Path) -> None:
    settings = settings_of(home)
    assert files.look_at_secrets(settings) == []
    for file, mode in ((CONSOLE_KEY, 0o640), (VALKEY_KEY, 0o604), (SITES, 0o660), (PEPPERS, 0o640)):
        ensure_secret(path := file.of(home))
        path.chmod(mode)
        (found,) = files.look_at_secrets(settings)
        assert (found.grade, str(path) in found.found, f"chmod go= {path}" in found.remedy) == ("hole", True, True)
        path.unlink()


def test_a_key_of_a_certificate_may_have_a_group_and_not_everybody(home: Path, tmp_path: Path) -> None:
    key = tmp_path / "tls-private.pem"
    key.touch()
    settings = settings_of(home, redis={"tls": True, "cert_file": key})
    key.chmod(0o640)
    assert files.look_at_secrets(settings) == []
    key.chmod(0o644)
    assert grades(files.look_at_secrets(settings)) == ["hole"]


def test_files_of_persons_are_open_when_others_can_reach_and_read_them(home: Path) -> None:
    settings = settings_of(home)
    assert files.look_at_personal_files(settings) == []
    deep = WAREHOUSE.of(home) / "store" / "data.bin"
    deep.chmod(0o644)
    assert files.look_at_personal_files(settings) == []  # nobody comes so far
    for folder in (home, WAREHOUSE.of(home), deep.parent):
        folder.chmod(0o755)
    (found,) = files.look_at_personal_files(settings)
    assert (found.grade, str(deep) in found.found) == ("hole", True)
    EVENTS.of(home).chmod(0o666)
    assert "and 1 more" in files.look_at_personal_files(settings)[0].found
    home.chmod(0o700)
    assert files.look_at_personal_files(settings) == []


def test_what_the_group_alone_may_pass_is_open_to_the_group_alone(home: Path) -> None:
    home.chmod(0o750)
    EVENTS.of(home).chmod(0o604)  # everybody may read it, and only the group gets there
    assert files.look_at_personal_files(settings_of(home)) == []
    EVENTS.of(home).chmod(0o640)
    assert "open to its group" in files.look_at_personal_files(settings_of(home))[0].found


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({"pepper": "Password-Password-123"}, "CIVICREC_PEPPER"),
        ({"redis": {"password": "redis"}}, "CIVICREC_REDIS__PASSWORD"),
        ({"warehouse": {"password": "xyxyxyxyxyxyxyxyxyxy"}}, "CIVICREC_WAREHOUSE__PASSWORD"),
        ({"serving": {"console_password": "civicrec-civicrec"}}, "CIVICREC_SERVING__CONSOLE_PASSWORD"),
        ({"registry_url": "postgresql://civicrec:geheim@127.0.0.1/civicrec"}, "CIVICREC_REGISTRY_URL"),
        ({"sites": {"gz": {"key": "1234567812345678"}}}, "key of site gz"),
    ],
)
def test_a_secret_that_can_be_guessed_is_a_hole_and_is_not_told(groups: Any, named: str, home: Path) -> None:
    (found,) = passwords.look_at_passwords(settings_of(home, **groups))
    secret = next(iter(passwords.secrets_of(settings_of(home, **groups)).values()))
    assert (found.grade, named in found.found) == ("hole", True)
    assert secret not in found.found + found.remedy


def test_good_secrets_are_none(home: Path) -> None:
    groups = {
        "pepper": GOOD,
        "sites": {"gz": {"key": OTHER, "api_key": GOOD[::-1]}},
        "registry_url": f"postgresql://civicrec:{OTHER[::-1]}@127.0.0.1/civicrec",
        "redis": {"url": "redis://127.0.0.1:6379", "password": GOOD[3:] + "a7f"},
    }
    assert passwords.look_at_passwords(settings_of(home, **groups)) == []


def test_one_secret_for_two_ends_is_a_hole(home: Path) -> None:
    (found,) = passwords.look_at_passwords(settings_of(home, sites={"gz": {"key": GOOD, "api_key": GOOD}}))
    assert (found.grade, found.found) == ("hole", "key of site gz and api_key of site gz are one secret")


def test_a_store_of_ones_own_without_a_password_is_a_hole(home: Path) -> None:
    (found,) = passwords.look_at_passwords(settings_of(home, redis={"url": "redis://127.0.0.1:6379"}))
    assert (found.grade, "127.0.0.1:6379" in found.found) == ("hole", True)


def test_a_home_whose_key_of_tokens_is_gone_is_told(home: Path) -> None:
    assert passwords.look_at_token_key(settings_of(home)) == []
    SECRET_KEY.of(home).unlink()
    assert passwords.look_at_token_key(settings_of(home, pepper=GOOD)) == []
    assert grades(passwords.look_at_token_key(settings_of(home))) == ["advice"]


@contextmanager
def heard_on(host: str, port: int) -> Iterator[None]:
    with socket.create_server((host, port)):
        yield


@pytest.mark.parametrize("group", ["redis", "warehouse", "serving", "collector"])
def test_what_listens_beyond_this_machine_is_seen_on_its_port(group: str, home: Path) -> None:
    settings = settings_on_free_ports(home)
    port = getattr(settings, group).port
    with heard_on("127.0.0.1", port):
        assert network.beyond_this_machine(settings, network.listening()) == []
    with heard_on("0.0.0.0", port):  # noqa: S104  # the hole that is looked for
        (found,) = network.beyond_this_machine(settings, network.listening())
    assert (found.grade, f"0.0.0.0 port {port}" in found.found) == ("hole", True)
    assert network.beyond_this_machine(settings, network.listening()) == []


def test_a_collector_for_known_sites_and_a_server_meant_for_others_are_advice(home: Path) -> None:
    everywhere = {"host": "::"}
    groups = {"collector": everywhere, "serving": everywhere | {"url": "http://serve:8702"}}
    settings = settings_of(home, sites={"gz": {"key": GOOD}}, **groups)
    assert grades(network.beyond_this_machine(settings, {})) == ["advice", "advice"]
    assert grades(network.beyond_this_machine(settings_of(home, **groups), {})) == ["hole", "advice"]


def test_a_store_elsewhere_says_nothing_of_this_machine(home: Path) -> None:
    settings = settings_of(home, redis={"host": "redis"}, warehouse={"url": "http://clickhouse:8123"})
    assert network.beyond_this_machine(settings, {}) == []
    assert grades(network.beyond_this_machine(settings_of(home, redis={"host": "0.0.0.0"}), {})) == ["hole"]


def test_clear_text_is_a_hole_where_tls_is_set_up_for_others(home: Path) -> None:
    plain = {"redis": {"url": "redis://10.0.0.5:6379"}}
    assert grades(network.in_clear(settings_of(home, **plain))) == ["advice"]
    (found,) = network.in_clear(settings_of(home, **plain, warehouse={"url": "https://clickhouse.example:8443"}))
    assert (found.grade, "10.0.0.5:6379" in found.found) == ("hole", True)
    assert network.in_clear(settings_of(home, redis={"url": "rediss://10.0.0.5:6379"})) == []
    assert network.in_clear(settings_of(home)) == []
    kafka = {"bootstrap": "kafka-1:9092,kafka-2:9092"}
    assert grades(network.in_clear(settings_of(home, kafka=kafka))) == ["advice"]
    assert network.in_clear(settings_of(home, kafka=kafka | {"security_protocol": "SASL_SSL"})) == []


def test_a_collector_that_takes_any_page_s_events_is_told(home: Path) -> None:
    assert network.wide_origins(settings_of(home)) == []
    far = settings_of(home, collector={"origins": ["https://www.example.gov.cn"]})
    assert grades(network.wide_origins(far)) == ["hole"]

    def of(origin: str) -> list[str]:
        return grades(network.wide_origins(settings_of(home, sites={"gz": {"key": GOOD, "origins": [origin]}})))

    assert [of("https://www.example.gov.cn"), of("http://localhost:8702")] == [[], []]
    assert [of("null"), of("http://www.example.gov.cn")] == [["hole"], ["advice"]]


def test_proxies_that_are_the_whole_internet_are_a_hole(home: Path) -> None:
    def of(*networks: str) -> list[str]:
        return grades(network.wide_proxies(settings_of(home, serving={"trusted_proxies": networks})))

    assert [of("10.0.0.0/8", "fd00::/48"), of("0.0.0.0/0"), of("::/0")] == [[], ["hole"], ["hole"]]


def test_a_secret_on_a_command_line_is_a_hole(home: Path) -> None:
    settings = settings_of(home, redis={"password": GOOD})
    assert running.look_at_command_lines(settings) == []
    own = ensure_secret(CONSOLE_KEY.of(home))
    for secret, named in ((GOOD, "CIVICREC_REDIS__PASSWORD"), (own, "console.key")):
        child = subprocess.Popen([sys.executable, "-c", "input()", f"--password={secret}"], stdin=subprocess.PIPE)
        try:
            (found,) = running.look_at_command_lines(settings)
        finally:
            child.communicate(b"\n")
        assert (found.grade, found.found) == ("hole", f"{named} stands on the command line of process {child.pid}")


class _Open(BaseHTTPRequestHandler):
    page = b"<h1>complaints of everybody</h1>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        pass


def test_a_console_that_asks_for_no_password_is_a_hole(home: Path) -> None:
    settings = settings_on_free_ports(home)
    assert running.look_at_console(settings) == []  # nobody is there
    server = HTTPServer(("127.0.0.1", settings.serving.port), _Open)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert grades(running.look_at_console(settings)) == ["hole"]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_engine_without_our_rights_lets_everything_through() -> None:
    program = """
import json, sys, chdb.session
from operations.stack.engine import engine_error
from operations.stack.security.reader import deeds_allowed
session = chdb.session.Session()
session.query("CREATE DATABASE d"); session.query("CREATE TABLE d.events (event_id UUID) ENGINE = Memory")
session.query("USE d")
def ask(sql):
    try:
        session.query(sql)
    except Exception as error:
        return engine_error(error).code
    return 0
print(json.dumps(sorted(deeds_allowed(ask))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout) == sorted({**reader.REACHING, **reader.CHANGING})


def test_a_warehouse_that_is_away_is_told_as_not_looked_at(home: Path) -> None:
    assert grades(reader.look_at_rights(settings_on_free_ports(home))) == ["unknown"]


def test_an_audit_log_that_was_edited_is_a_hole(home: Path) -> None:
    settings = settings_of(home)
    assert look_at_audit(settings) == []
    with registry_at(settings.registry_address) as registry:
        for n in range(3):
            record_alone(registry, Act(utc_now(), "li", "item_withdrawn", f"i{n}"))
        assert look_at_audit(settings) == []
        with registry.begin() as connection:
            connection.execute(text("UPDATE audit SET who = 'wang' WHERE id = 2"))
    (found,) = look_at_audit(settings)
    assert (found.grade, "row 2" in found.found) == ("hole", True)


def test_a_secret_that_civicrec_refuses_does_not_end_the_looks(home: Path) -> None:
    ensure_secret(path := VALKEY_KEY.of(home))
    path.chmod(0o644)
    settings = settings_on_free_ports(home).model_copy(update={"redis": settings_of(home).redis})
    report = examine_security(settings.model_copy(update={"pepper": SecretStr("civicrec-civicrec")}))
    assert {one.check for one in report.openings if one.grade == "hole"} == {
        "secrets of the home", "files of secrets", "passwords and keys",
    }  # fmt: skip
    assert report.has_hole


def test_the_command_exits_1_on_a_hole_and_0_with_advice_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = settings_on_free_ports(home)
    for name in ("COLLECTOR", "SERVING", "WAREHOUSE", "REDIS"):
        monkeypatch.setenv(f"CIVICREC_{name}__PORT", str(getattr(own, name.lower()).port))
    mask = os.umask(0o022)
    os.umask(mask)
    try:
        closed = CliRunner().invoke(app, ["doctor", "--security", "--home", str(home), "--json"])
        SITES.of(home).write_text("{}")
        SITES.of(home).chmod(0o644)
        opened = CliRunner().invoke(app, ["doctor", "--security", "--home", str(home)])
    finally:
        os.umask(mask)
    assert (closed.exit_code, json.loads(closed.stdout)["ok"], opened.exit_code) == (0, True, 1)
    assert opened.stdout.startswith("hole ")
    assert "run `chmod go= " in opened.stdout.splitlines()[0]

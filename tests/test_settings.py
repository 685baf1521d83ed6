from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from civicrec.clock import utc_now
from civicrec.errors import ConfigError
from civicrec.settings import Settings, load_settings
from operations.stack.doctor import examine
from operations.stack.state import look
from operations.stack.tables import migrate_tables

SECRET = "hush-hush-hush-hush"


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as told:
        load_settings()
    text = str(told.value)
    assert name.split("__")[0] in text
    assert told.value.__cause__ is None  # nothing with a value in it is printed along
    return text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CIVICREC_SITES", f'{{"gz": {{"key": "{"k" * 20}", "apikey": "{SECRET}"}}}}'),
        ("CIVICREC_SITES", f'{{"gz": {{"api_key": "{SECRET}"}}}}'),
        ("CIVICREC_SITES", f'{{"gz": "{SECRET}"}}'),
        ("CIVICREC_SITES", f'["{SECRET}"]'),
        ("CIVICREC_SITES", f'{{"gz": {{"key": "{SECRET}"'),
        ("CIVICREC_SITES__GZ", SECRET),
        ("CIVICREC_REDIS", SECRET),
        ("CIVICREC_REDIS", f'{{"password": ["{SECRET}"]}}'),
        ("CIVICREC_REDIS__PASWORD", SECRET),
        ("CIVICREC_REDIS__PORT", f"redis://:{SECRET}@10.0.0.1:6379"),
        ("CIVICREC_REDIS__PASSWORD__X", SECRET),
        ("CIVICREC_WAREHOUSE", f'{{"password": {{"a": "{SECRET}"}}}}'),
        ("CIVICREC_KAFKA", f'{{"user": "u", "passwort": "{SECRET}"}}'),
    ],
)
def test_a_refused_setting_never_tells_a_value_that_may_be_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert SECRET not in refusal(monkeypatch, name, value)


def open_settings(model: type[BaseModel] = Settings, name: str = "CIVICREC") -> Iterator[tuple[str, bool]]:
    """Yield the variables that hold text, and whether it is a list of some."""
    for field, told in model.model_fields.items():
        kind, variable = told.annotation, f"{name}_{'_' * (model is not Settings)}{field.upper()}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from open_settings(kind, variable)
        elif kind in (str, SecretStr, tuple[str, ...]):
            yield variable, kind == tuple[str, ...]


def all_that_is_told(home: Path) -> Iterator[object]:
    try:
        settings = load_settings(home)
    except ConfigError as refused:
        yield refused
    else:
        yield examine(settings)
        yield migrate_tables(settings)
        yield look(settings, utc_now()).as_json()


@pytest.mark.parametrize(
    "address", ["u:{}@h", "u:{}@127.0.0.1:9", "http://u:{}@h:9", "postgresql://u:{}@127.0.0.1:9/d"]
)
@pytest.mark.parametrize(("name", "many"), [*open_settings()])
def test_no_setting_lets_doctor_or_status_print_a_password_that_stands_in_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, many: bool, address: str
) -> None:
    value = address.format(SECRET)
    monkeypatch.setenv(name, json.dumps([value]) if many else value)
    assert SECRET not in "\n".join(map(str, all_that_is_told(tmp_path)))


@pytest.mark.parametrize(
    "value", ["b", "b:0", "b:65536", ":9", "b:9,", "b:9,u:x@c:9", "::1:9", "[b]:9", "b:９", "http://b:9"]
)
def test_brokers_that_are_no_addresses_are_refused_at_once(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert "expected host:port" in refusal(monkeypatch, "CIVICREC_KAFKA__BOOTSTRAP", value)


@pytest.mark.parametrize("value", ["b:9", "b1:9092, b2.内网:9092", "[::1]:9092,127.0.0.1:1"])
def test_any_other_brokers_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("CIVICREC_KAFKA__BOOTSTRAP", value)
    assert load_settings(tmp_path).kafka.bootstrap == value


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CIVICREC_REDIS__PORT", "99999999", "99999999"),
        ("CIVICREC_LOG_FORMAT", "xml", "'xml'"),
        ("CIVICREC_STREAM__POLL_S", "soon", "'soon'"),
        ("CIVICREC_COLLECTOR__TRUSTED_PROXIES", '["1.2.3.4.5"]', "1.2.3.4.5"),
        ("CIVICREC_COLLECTOR__ORIGINS", '["https://a.gov.cn', "not JSON"),
    ],
)
def test_a_refused_setting_tells_what_was_got_when_that_is_no_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    assert told in refusal(monkeypatch, name, value)


@pytest.mark.parametrize(
    "home", ["/tmp/" + "x" * 256, "/tmp/" + "长" * 86, "y" * 300, "/tmp" + "/long" * 800, "/a\nb", "/a?b"]
)
def test_a_home_no_system_can_hold_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    assert "expected" in refusal(monkeypatch, "CIVICREC_HOME", home)


@pytest.mark.parametrize("home", ["/tmp/" + "x" * 255, "/tmp/" + "长" * 85, "100% 'q\" $x `y` 中文", "."])
def test_any_other_home_is_taken(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("CIVICREC_HOME", home)
    assert str(load_settings().home) == home


@pytest.mark.parametrize("host", ["", " ", "a b", "[::1]", "http://x", "x/y", "x?", "a\nb", "u@x", "x" * 300])
@pytest.mark.parametrize("group", ["COLLECTOR", "SERVING", "WAREHOUSE", "REDIS"])
def test_a_host_that_is_none_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, group: str, host: str) -> None:
    assert "HOST" in refusal(monkeypatch, f"CIVICREC_{group}__HOST", host)


@pytest.mark.parametrize("host", ["::1", "fe80::1%lo", "::ffff:127.0.0.1", "0.0.0.0", "valkey.内网", "a_b.local"])
def test_any_other_host_is_taken(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("CIVICREC_REDIS__HOST", host)
    assert load_settings().redis.host == host


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CIVICREC_PEPER", "CIVICREC_PEPPER"),
        ("CIVICREC_COLECTOR__PORT", "CIVICREC_COLLECTOR"),
        ("civicrec_site", "CIVICREC_SITES"),
    ],
)
def test_a_misspelt_variable_is_refused_and_the_setting_meant_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "a secret of forty characters, in the wrong place")
    with pytest.raises(ConfigError, match=f"{name} is no setting; did you mean {meant}") as refusal:
        load_settings()
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["CIVICREC_REPO", "CIVICREC_ATTACH", "CIVICREC_TEST_CLICKHOUSE_URL", "CIVICREC_VERSION"]
)
def test_variables_of_other_programs_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    assert load_settings(tmp_path).home == tmp_path


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ('["https://a.cn", "https://b.cn"]', ("https://a.cn", "https://b.cn")),
        ("https://a.cn, https://b.cn,", ("https://a.cn", "https://b.cn")),
        ("https://a.cn", ("https://a.cn",)),
    ],
)
def test_a_list_is_json_or_words_between_commas(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, origins: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CIVICREC_COLLECTOR__ORIGINS", value)
    assert load_settings(tmp_path).collector.origins == origins


@pytest.mark.parametrize("value", ['["https://a.cn"', '{"a": 1}', '"https://a.cn'])
def test_what_begins_as_json_is_not_taken_for_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("CIVICREC_COLLECTOR__ORIGINS", value)
    with pytest.raises(ConfigError):
        load_settings(tmp_path)


def test_pages_of_this_machine_may_send_events_wherever_serving_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings(tmp_path).collector.origins == ("http://127.0.0.1:8702", "http://localhost:8702")
    monkeypatch.setenv("CIVICREC_SERVING__PORT", "9002")
    assert load_settings(tmp_path).collector.origins == ("http://127.0.0.1:9002", "http://localhost:9002")
    monkeypatch.setenv("CIVICREC_COLLECTOR__ORIGINS", "https://a.cn")
    assert load_settings(tmp_path).collector.origins == ("https://a.cn",)


def test_doctor_names_variables_of_ours_that_are_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CIVICREC_WEATHER", "sun")
    (finding,) = [one for one in examine(load_settings(tmp_path)) if one.name == "variables"]
    assert (finding.state, "CIVICREC_WEATHER" in finding.detail) == ("absent", True)

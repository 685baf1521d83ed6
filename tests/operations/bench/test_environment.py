from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.settings import (
    CollectorSettings,
    FlinkSettings,
    KafkaSettings,
    Site,
    StreamSettings,
    load_settings,
)
from civicrec.settings.load import of_any_home
from operations.harness.stack import environment, settings_on_free_ports


def test_a_command_in_the_environment_of_settings_sees_these_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_on_free_ports(tmp_path).model_copy(
        update={
            "kafka": KafkaSettings(bootstrap="a:1,b:2", partitions=3, retention_days=0.5, password=SecretStr("a b")),
            "stream": StreamSettings(runner="flink"),
            "flink": FlinkSettings(rest="127.0.0.1:1", checkpoint_folder=tmp_path / "checkpoints"),
            "collector": CollectorSettings(origins=("http://a", "http://b"), port=1),
            "sites": {"gz": Site(key=SecretStr("0123456789abcdef"), origins=("https://gz.example",))},
        }
    )
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert of_any_home(load_settings()) == settings


def test_what_is_given_besides_wins(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    assert environment(settings, {"CIVICREC_HOME": "/elsewhere"})["CIVICREC_HOME"] == "/elsewhere"


def test_a_stack_of_its_own_never_takes_the_registry_that_the_caller_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVICREC_REGISTRY_URL", "postgresql://somebody:secret@db/civicrec")
    settings = settings_on_free_ports(tmp_path)
    assert str(tmp_path) in settings.registry_address
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings().registry_address == settings.registry_address

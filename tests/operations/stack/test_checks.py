import socket
from pathlib import Path

import pytest

from civicrec.errors import ConfigError
from civicrec.process.locks import owned
from civicrec.process.ports import check_ports
from operations.stack.checks import check_disk, check_home, free_disk_mb


def test_a_file_in_place_of_the_home_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigError, match="cannot write to home .*; make the folder writable"):
        check_home(tmp_path / "home")


def test_a_home_that_nobody_can_make_is_said() -> None:
    with pytest.raises(ConfigError, match="cannot write to home /proc/civicrec"):
        check_home(Path("/proc/civicrec"))


def test_a_good_home_is_made_and_left_empty(tmp_path: Path) -> None:
    check_home(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_full_disk_is_said_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has 511 MB free, expected at least 512 MB"):
        check_disk(tmp_path, 511, 512)
    check_disk(tmp_path, 512, 512)
    assert free_disk_mb(tmp_path) > 0


def test_a_port_in_use_is_said_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"collector cannot listen on 127.0.0.1:{port}: .*CIVICREC_COLLECTOR__PORT"
        ):
            check_ports({"collector": ("127.0.0.1", port)})
    check_ports({"collector": ("127.0.0.1", port)})


def test_one_port_for_two_processes_is_said() -> None:
    with pytest.raises(ConfigError, match="CIVICREC_SERVING__PORT and CIVICREC_COLLECTOR__PORT are both 9999"):
        check_ports({"collector": ("127.0.0.1", 9999), "serving": ("127.0.0.1", 9999)})


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    refused = pytest.raises(ConfigError, match="in use as a test by process")
    with owned(lock, "a test"), refused, owned(lock, "a test"):
        pass
    with owned(lock, "a test"):
        pass

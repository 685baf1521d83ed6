from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.errors import ConfigError
from civicrec.security.secrets import ensure_secret, read_secret
from civicrec.settings import Settings, Site, load_settings


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "some.key"
    assert read_secret(path) == ""
    first = ensure_secret(path)
    assert len(first) == 64
    assert ensure_secret(path) == read_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["some.key"]


def test_all_who_make_a_secret_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ensure_secret, [tmp_path / "some.key"] * 64))) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["some.key"]


def test_a_secret_is_whole_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def noted(number: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else f"file of {os.fstat(number).st_size}")
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "link", lambda *names: (done.append("name"), link(*names)))
    ensure_secret(tmp_path / "some.key")
    assert done == ["file of 64", "name", "folder"]


def test_a_secret_that_is_there_is_read_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some.key").touch(0o600)
    (tmp_path / "some.key").write_text("a secret of my own\n")
    before = tmp_path.stat().st_mtime_ns
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: pytest.fail("a draft was written"))
    assert ensure_secret(tmp_path / "some.key") == "a secret of my own"
    assert tmp_path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content", [b"", b"\n", b" " * 64, b"15 characters!!", b"\0" * 64, b"\xff" * 64, b"a\x0bb" * 16,
                "\u200b".encode() * 64, b"0123456789abcdef\n0123456789abcdef"],
    ids=["empty", "line end", "blanks", "short", "zeros of a power cut", "not text", "control characters",
         "nothing to see", "two lines"],
)  # fmt: skip
def test_a_file_that_holds_no_good_secret_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    path.touch(0o600)
    path.write_bytes(content)
    for ask in (read_secret, ensure_secret):
        with pytest.raises(ConfigError, match=r"some\.key"):
            ask(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o666, 0o620])
def test_a_file_that_others_may_open_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    ensure_secret(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(make, tmp_path: Path) -> None:
    make(tmp_path / "some.key", 0o600)
    with pytest.raises(ConfigError, match=r"some\.key"):
        ensure_secret(tmp_path / "some.key")


def test_a_link_to_nowhere_is_no_empty_secret(tmp_path: Path) -> None:
    (tmp_path / "some.key").symlink_to("away.key")
    with pytest.raises(ConfigError, match="link to a file that is not there"):
        ensure_secret(tmp_path / "some.key")


def test_the_mark_that_editors_put_before_a_text_is_no_part_of_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    path.touch(0o600)
    path.write_text("0123456789abcdef\r\n", encoding="utf-8-sig")
    assert read_secret(path) == "0123456789abcdef"


def test_an_error_names_the_file_and_never_its_content(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    path.touch(0o600)
    path.write_text("almost-a-key")
    with pytest.raises(ConfigError) as caught:
        read_secret(path)
    assert "almost-a-key" not in str(caught.value)


@pytest.mark.parametrize("word", ["", "a", "15 characters!!", " " * 20, "at least 16 signs"])
def test_keys_of_sites_and_peppers_must_be_secrets(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fields in ({"key": word}, {"key": "k" * 16, "api_key": word}):
        with pytest.raises(ValueError, match="expected a secret"):
            Site.model_validate(fields)
    if word:
        with pytest.raises(ValueError, match="expected a secret"):
            Settings(home=tmp_path, pepper=SecretStr(word))
    monkeypatch.setenv("CIVICREC_SITES", f'{{"gz": {{"key": "{word}"}}}}')
    with pytest.raises(ConfigError, match="CIVICREC_SITES__GZ__KEY: .*expected a secret"):
        load_settings(tmp_path)

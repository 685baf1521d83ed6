"""``civicrec site``: what it keeps, what it prints, and that a collector started afterwards knows the site."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from civicrec.clock import rfc3339, utc_now
from civicrec.home import SITES
from civicrec.settings import Site, load_settings
from civicrec.settings.site_file import keep_sites, kept_sites
from tests.builders import raw_event
from tests.running import environment, running_collector, settings_on_free_ports

ORIGIN = "https://www.example.gov.cn"


def civicrec(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    settings = settings_on_free_ports(home)
    return subprocess.run(
        [sys.executable, "-m", "civicrec", "site", *arguments], env=environment(settings, env), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_site_is_kept_for_this_account_and_its_lines_are_printed(tmp_path: Path) -> None:
    hosts = ("--collect-url", "https://c.example.gov.cn/", "--lists-url", "https://l.example.gov.cn")
    done = civicrec(tmp_path, "add", "gz", "--origin", "HTTPS://WWW.example.gov.cn/", "--link", "/i/{id}", *hosts)
    assert done.returncode == 0, done.stderr
    assert (
        '<script src="https://c.example.gov.cn/c.js" data-site="gz" data-consent="wait" defer></script>' in done.stdout
    )
    assert '<script src="https://l.example.gov.cn/w.js" data-link="/i/{id}" defer></script>' in done.stdout
    assert "script-src https://c.example.gov.cn https://l.example.gov.cn;" in done.stdout
    assert SITES.of(tmp_path).stat().st_mode & 0o777 == 0o600
    site = load_settings(tmp_path).sites["gz"]
    assert (site.origins, site.scopes) == ((ORIGIN,), ("events",))
    keys = json.loads(civicrec(tmp_path, "keys", "gz").stdout)
    assert site.api_key
    assert keys == {"key": site.key.get_secret_value(), "api_key": site.api_key.get_secret_value()}
    assert min(map(len, keys.values())) == 64
    assert not any(key in done.stdout + done.stderr for key in keys.values())
    assert json.loads(civicrec(tmp_path, "list", "--json").stdout) == {
        "gz": {"origins": [ORIGIN], "scopes": ["events"]}
    }


def test_a_collector_started_afterwards_takes_its_events_and_no_other_sites(tmp_path: Path) -> None:
    assert civicrec(tmp_path, "add", "gz", "--origin", ORIGIN).returncode == 0
    key = json.loads(civicrec(tmp_path, "keys", "gz").stdout)["api_key"]
    with running_collector(tmp_path) as collector:
        for site, accepted in (("gz", 1), ("sz", 0)):
            events = {"events": [raw_event(site=site, occurred_at=rfc3339(utc_now()))]}
            answer = httpx.post(f"{collector.url}/v1/events", json=events, headers={"X-API-Key": key}).json()
            assert answer["accepted"] == accepted, answer


def test_a_registered_site_gets_more_origins_and_keeps_its_keys(tmp_path: Path) -> None:
    assert civicrec(tmp_path, "add", "gz", "--origin", ORIGIN).returncode == 0
    (before,) = kept_sites(SITES.of(tmp_path)).values()
    mobile = "https://m.example.gov.cn"
    assert civicrec(tmp_path, "add", "gz", "--origin", mobile, "--origin", ORIGIN, "--catalogue").returncode == 0
    (after,) = kept_sites(SITES.of(tmp_path)).values()
    assert (after.origins, after.scopes) == ((ORIGIN, mobile), ("events", "catalogue"))
    assert (after.key, after.api_key) == (before.key, before.api_key)


@pytest.mark.parametrize("in_file", [True, False])
def test_a_site_of_the_environment_is_changed_there(in_file: bool, tmp_path: Path) -> None:
    if in_file:
        keep_sites(SITES.of(tmp_path), {"zh": Site(key=SecretStr("k" * 32))})
    env = {"CIVICREC_SITES": json.dumps({"zh": {"key": "z" * 32}})}
    done = civicrec(tmp_path, "add", "zh", "--origin", ORIGIN, **env)
    assert (done.returncode, "CIVICREC_SITES: add its origins there" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "g z", "--origin", ORIGIN), "expected 1 to 64"),
        (("add", "gz", "--origin", "www.example.gov.cn"), "such as https://www.example.gov.cn"),
        (("add", "gz", "--origin", f"{ORIGIN}/path"), "scheme and host alone"),
        (("add", "gz", "--origin", "https://u:p@h"), "scheme and host alone"),
        (("tag", "gz"), "registered: kept"),
        (("keys", "gz"), "site add gz"),
        (("remove", "gz"), "site list"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    keep_sites(SITES.of(tmp_path), {"kept": Site(key=SecretStr("k" * 32))})
    before = SITES.of(tmp_path).read_bytes()
    done = civicrec(tmp_path, *arguments)
    assert done.returncode == 2
    assert (len(done.stderr.splitlines()), words in done.stderr) == (1, True), done.stderr
    assert SITES.of(tmp_path).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gz": {}}', '{"gz": {"key": "short-secret"}}', '{"gz": {"key": 7}}'])
def test_a_damaged_file_is_one_line_without_a_secret(tmp_path: Path, text: str) -> None:
    SITES.of(tmp_path).write_text(text)
    done = civicrec(tmp_path, "list")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is damaged" in done.stderr
    assert "short-secret" not in done.stderr


def test_what_is_kept_is_read_back_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SITES.of(tmp_path)
    assert kept_sites(path) == {}
    sites = {
        "gz": Site(key=SecretStr("k" * 32), origins=(ORIGIN,)),
        "sz": Site(key=SecretStr("s" * 32), api_key=SecretStr("a" * 16), scopes=("events", "catalogue")),
    }
    keep_sites(path, sites)
    assert kept_sites(path) == sites
    monkeypatch.setenv("CIVICREC_SITES", json.dumps({"sz": {"key": "e" * 32}, "zh": {"key": "z" * 32}}))
    found = load_settings(tmp_path).sites
    assert {name: site.key.get_secret_value()[0] for name, site in found.items()} == {"gz": "k", "sz": "e", "zh": "z"}


def test_a_removed_site_is_gone_and_one_of_the_environment_is_not_ours_to_remove(tmp_path: Path) -> None:
    keep_sites(SITES.of(tmp_path), {"gz": Site(key=SecretStr("k" * 32)), "sz": Site(key=SecretStr("s" * 32))})
    assert civicrec(tmp_path, "remove", "gz").returncode == 0
    assert list(kept_sites(SITES.of(tmp_path))) == ["sz"]
    env = {"CIVICREC_SITES": json.dumps({"zh": {"key": "z" * 32}})}
    done = civicrec(tmp_path, "remove", "zh", **env)
    assert (done.returncode, "take it out there" in done.stderr) == (2, True)

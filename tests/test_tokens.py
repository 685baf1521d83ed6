from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from civicrec.errors import ConfigError, Unauthorized
from civicrec.events import is_subject
from civicrec.home import PEPPERS
from civicrec.security.peppers import Peppers, keep_peppers
from civicrec.security.tokens import Keys, claimed_sites, load_keys
from civicrec.settings import Settings, Site
from tests.builders import NOON

KEYS = Keys(b"pepper", {})
SOON = int(NOON.timestamp()) + 3_600
TWO_SITES = Keys(b"pepper", {"gz": "g" * 32, "sz": "s" * 32})


def test_a_token_proves_its_user_as_a_pseudonym() -> None:
    subject = KEYS.subject_of(KEYS.sign("demo", "user-7", NOON), "demo", NOON)
    assert len(subject) == 32
    assert set(subject) <= set("0123456789abcdef")
    assert subject == KEYS.subject_of(KEYS.sign("demo", "user-7", NOON + timedelta(1)), "demo", NOON + timedelta(1))


def test_our_own_processes_speak_for_a_pseudonym_and_no_portal_does() -> None:
    subject = TWO_SITES.subject_id("gz", "user-7")
    own = TWO_SITES.sign_own("gz", subject, NOON)
    assert TWO_SITES.holder_of(own, "gz", NOON) == (subject, False)
    assert claimed_sites(own) == ("gz",)
    forged = "civicrec." + jwt.encode({"sub": subject, "aud": "gz", "exp": SOON}, "g" * 32, algorithm="HS256")
    for token, site, at in (
        (forged, "gz", NOON), (own, "sz", NOON), (own, "gz", NOON + timedelta(hours=1)),
        (own.removeprefix("civicrec."), "gz", NOON), ("civicrec." + TWO_SITES.sign("gz", "user-7", NOON), "gz", NOON),
    ):  # fmt: skip
        with pytest.raises(Unauthorized):
            TWO_SITES.holder_of(token, site, at)


def test_pseudonyms_differ_by_user_site_and_pepper() -> None:
    subjects = {
        keys.subject_id(site, user)
        for keys in (KEYS, Keys(b"other", {}))
        for site in ("gz", "sz")
        for user in ("a", "b")
    }
    assert len(subjects) == 8


@pytest.mark.parametrize(
    "token",
    [
        TWO_SITES.sign("sz", "user-7", NOON),
        TWO_SITES.sign("gz", "user-7", NOON - timedelta(hours=1)),
        TWO_SITES.sign("gz", "user-7", NOON, life=timedelta(hours=25)),
        jwt.encode({"sub": "u", "aud": "gz", "exp": 2_000_000_000}, "x" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz"}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "", "aud": "gz", "exp": NOON.timestamp() + 60}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": " \t", "aud": "gz", "exp": NOON.timestamp() + 60}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "\ud800", "aud": "gz", "exp": NOON.timestamp() + 60}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": "soon"}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": None}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": 10**400}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": True}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": float("inf")}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": SOON, "nbf": SOON - 1_000}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": SOON, "nbf": 10**400}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": SOON, "nbf": "then"}, "g" * 32, algorithm="HS256"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": NOON.timestamp() + 60}, None, algorithm="none"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": NOON.timestamp() + 60}, "g" * 64, algorithm="HS512"),
        jwt.encode({"sub": "u", "aud": "gz", "exp": SOON, "more": "9" * 8_192}, "g" * 32, algorithm="HS256"),
        "",
        "a.b.c",
        "é.ü.\ud800",
    ],
    ids=["site", "expired", "too long", "key", "no exp", "no user", "blank user",
         "half a pair as user", "exp text", "exp null",
         "exp beyond the calendar", "exp true", "exp infinite", "not yet", "nbf beyond the calendar", "nbf text",
         "none", "HS512", "endless", "empty",
         "dots", "unicode"],
)  # fmt: skip
def test_a_token_that_proves_nothing_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        TWO_SITES.subject_of(token, "gz", NOON)


def test_a_site_of_half_a_surrogate_pair_proves_nothing() -> None:
    (claimed,) = claimed_sites(jwt.encode({"aud": "\ud800"}, "x" * 32, algorithm="HS256"))
    with pytest.raises(Unauthorized):
        Keys(b"p" * 32, {}).subject_of("a.b.c", claimed, NOON)


@pytest.mark.parametrize(
    ("aud", "sites"),
    [
        ("gz", ("gz",)),
        (["gz"], ("gz",)),
        (["https://id.example", "gz"], ("https://id.example", "gz")),
        (["a", "b", "c", "d", "e", "f", "g", "gz"], ("a", "b", "c", "d", "e", "f", "g", "gz")),
    ],
)
def test_a_token_may_name_some_sites(aud: Any, sites: tuple[str, ...]) -> None:
    token = jwt.encode({"sub": "u", "aud": aud, "exp": SOON}, "g" * 32, algorithm="HS256")
    assert claimed_sites(token) == sites
    assert TWO_SITES.subject_of(token, "gz", NOON) == TWO_SITES.subject_id("gz", "u")


@pytest.mark.parametrize(
    "aud", [None, "", 7, [], ["sz"], ["gz", 7], ["gz", None], [["gz"]], {"gz": 1}, ["gz"] * 9, ["g", "z"]]
)
def test_a_token_that_names_no_site_or_too_many_proves_nothing(aud: Any) -> None:
    token = jwt.encode({"sub": "u", "aud": aud, "exp": SOON}, "g" * 32, algorithm="HS256")
    for site in {"gz", "", *claimed_sites(token)}:
        with pytest.raises(Unauthorized):
            TWO_SITES.subject_of(token, site, NOON)


def test_a_site_that_is_not_configured_has_no_key() -> None:
    with pytest.raises(Unauthorized, match="unknown site 'bj'"):
        TWO_SITES.sign("bj", "u", NOON)


def test_a_token_is_good_from_its_nbf_on_with_a_minute_for_clocks_that_differ() -> None:
    token = jwt.encode({"sub": "u", "aud": "gz", "exp": SOON, "nbf": SOON - 3_540}, "g" * 32, algorithm="HS256")
    assert TWO_SITES.subject_of(token, "gz", NOON) == TWO_SITES.subject_id("gz", "u")
    with pytest.raises(Unauthorized, match="nbf"):
        TWO_SITES.subject_of(token, "gz", NOON - timedelta(seconds=1))


def test_a_refusal_does_not_tell_which_sites_there_are() -> None:
    with pytest.raises(Unauthorized) as told:
        TWO_SITES.site_key("bj")
    assert "gz" not in str(told.value)


def test_a_token_says_that_it_is_a_minors() -> None:
    minors, others = KEYS.sign("demo", "小明", NOON, minor=True), KEYS.sign("demo", "小明", NOON)
    assert KEYS.holder_of(minors, "demo", NOON) == (KEYS.subject_id("demo", "小明"), True)
    assert KEYS.holder_of(others, "demo", NOON) == (KEYS.subject_id("demo", "小明"), False)
    claims = {"sub": "小明", "aud": "demo", "exp": int(NOON.timestamp()) + 60, "minor": "yes"}
    with pytest.raises(Unauthorized, match="minor"):
        KEYS.holder_of(jwt.encode(claims, KEYS.site_key("demo"), algorithm="HS256"), "demo", NOON)


@given(st.text() | st.from_regex(r"\A[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,20}\Z"))
def test_any_text_as_token_is_refused_and_never_fails(token: str) -> None:
    with pytest.raises(Unauthorized):
        KEYS.subject_of(token, "demo", NOON)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "aud", "exp", "iat", "nbf", "minor"]),
        st.none() | st.text() | st.floats() | st.integers() | st.lists(st.text()),
    )
)
def test_any_claims_rightly_signed_never_fail(claims: dict[str, Any]) -> None:
    try:
        token = jwt.encode(claims, KEYS.site_key("demo"), algorithm="HS256")
    except (TypeError, ValueError):
        return  # pyjwt itself refuses to make it
    with pytest.raises(Unauthorized):
        KEYS.subject_of(token, "demo", NOON)


def test_secret_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    first = load_keys(Settings(home=tmp_path))
    assert first == load_keys(Settings(home=tmp_path))
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert first != load_keys(Settings(home=tmp_path / "other"))


def test_configured_pepper_and_site_keys_are_used(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, pepper=SecretStr("p" * 16), sites={"gz": Site(key=SecretStr("g" * 32))})
    assert load_keys(settings) == Keys(b"p" * 16, {"gz": "g" * 32})
    assert not (tmp_path / "secret.key").exists()


def test_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="writable"):
        load_keys(Settings(home=tmp_path / "file"))


peppers = st.lists(st.binary(min_size=1, max_size=8), max_size=3).map(tuple)


@given(later=peppers, user=st.text(min_size=1), next_one=st.binary(min_size=1, max_size=8))
def test_a_later_pepper_gives_another_name_to_the_same_person(
    later: tuple[bytes, ...], user: str, next_one: bytes
) -> None:
    try:
        user.encode()
    except UnicodeEncodeError:
        return  # no token can name this user
    before, after = Keys(b"pepper", {}, later), Keys(b"pepper", {}, (*later, next_one))
    assume(next_one not in later)  # two alike are one
    old, new = before.subject_id("gz", user), after.subject_id("gz", user)
    assert old != new
    assert is_subject(new)
    assert after.renamed(old, before.generation) == new == after.renamed(new, after.generation)
    assert after.former_names(new) == (*before.former_names(old), old)
    assert after.root(new) == before.root(old) == Keys(b"pepper", {}).subject_id("gz", user)
    assert after.audit_name(new) == before.audit_name(old)
    assert after.newest_key_for("attributes") != before.newest_key_for("attributes")


def test_a_name_of_a_pepper_that_is_not_here_is_nobodys() -> None:
    keys = Keys(b"pepper", {}, (b"second",))
    with pytest.raises(
        ConfigError, match=r"made with pepper 2, and this home has peppers up to 1: put its peppers\.json"
    ):
        keys.renamed("0" * 32, 2)


def test_a_file_of_peppers_is_this_accounts_alone_and_whole(tmp_path: Path) -> None:
    keep_peppers(tmp_path, Peppers(("ab" * 32,)))
    assert load_keys(Settings(home=tmp_path)).generation == 1
    path = PEPPERS.of(tmp_path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read the peppers"):
        load_keys(Settings(home=tmp_path))
    path.chmod(0o600)
    for damaged in ("", '{"later": ["no hex"]}', '{"later": 3}'):
        path.write_text(damaged)
        with pytest.raises(ConfigError, match="is damaged; put it back from a copy"):
            load_keys(Settings(home=tmp_path))

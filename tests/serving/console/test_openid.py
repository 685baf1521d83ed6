"""Signing in through an OpenID Connect provider that runs beside: what it proves opens the console, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from civicrec.clock import utc_now
from civicrec.errors import Conflict
from civicrec.registry.accounts import account_named, add_account, disable, list_accounts
from civicrec.registry.audit import audit_rows
from civicrec.settings.oidc import OidcSettings
from profiles.online.memory import MemoryOnlineStore
from serving.console.cookies import OUTSIDE, SESSION
from serving.console.openid import LONGEST
from tests.account_builders import PASSWORD, an_account
from tests.running import free_ports
from tests.services.openid_provider import SECRET, Running, a_provider
from tests.serving.conftest import Api, open_api
from tests.serving.console.test_sign_in import cookies_of, sign_in

CONSOLE = "http://test/console"


@pytest.fixture(scope="module")
def provider() -> Iterator[Running]:
    with a_provider(free_ports(1)[0]) as running:
        yield running


class Clock:
    """The clock of the machine, as the provider's is, and as far ahead as a test wants."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console(tmp_path: Path, provider: Running, clock: Clock) -> Iterator[Api]:
    with opened(tmp_path, clock, **provider.settings(CONSOLE)) as api:
        yield api


@contextmanager
def opened(home: Path, clock: Clock, **oidc: Any) -> Iterator[Api]:
    api = open_api(home, MemoryOnlineStore(), oidc=OidcSettings(**oidc))
    (mounted,) = (route.app for route in api.app.routes if getattr(route, "path", "") == "/console")
    mounted.state.clock = clock
    mounted.state.gate._clock = clock
    yield api
    for close in api.app.state.closing:
        close()
    api.registry.dispose()


def to_provider(api: Api, page: str = "/console/account") -> httpx.Response:
    return api.ask("GET", f"/console/oidc/sign-in?next={page}")


def approved(address: str, **more: str) -> str:
    """Let the provider send the browser back; return where to, as a path of the console."""
    with httpx.Client(trust_env=False) as client:
        answer = client.get(address, params={**_query(address), **more})
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{CONSOLE}/oidc/callback?")
    return str(back.removeprefix("http://test"))


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def signed_in(api: Api, **more: str) -> httpx.Response:
    begun = to_provider(api)
    assert begun.status_code == 302, begun.text
    cookie = f"{OUTSIDE}={cookies_of(begun)[OUTSIDE]}"
    return api.ask("GET", approved(begun.headers["location"], **more), headers={"cookie": cookie})


def is_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and SESSION in cookies_of(answer)


def test_who_the_provider_proves_is_in_with_the_roles_it_gives(console: Api) -> None:
    assert 'href="/console/oidc/sign-in?next=/console/"' in console.get("/console/").text
    answer = signed_in(console)
    assert is_in(answer)
    assert 'http-equiv="refresh" content="0;url=/console/account"' in answer.text
    page = console.ask("GET", "/console/account", headers={"cookie": f"{SESSION}={cookies_of(answer)[SESSION]}"})
    assert "李明" in page.text
    account = account_named(console.registry, "li.ming")
    assert (account.roles, account.password_hash, account.display_name) == (("editor",), "", "李明")
    signed_in(console, **{"as": "promoted"})
    assert account_named(console.registry, "li.ming").roles == ("admin",)
    assert [(row.who, row.action) for row in reversed(audit_rows(console.registry, object_id="li.ming"))] == [
        ("oidc", "account_added"), ("li.ming", "signed_in"), ("oidc", "account_roles"), ("li.ming", "signed_in"),
    ]  # fmt: skip


def test_a_provider_may_change_its_keys(console: Api) -> None:
    assert is_in(signed_in(console))
    assert is_in(signed_in(console, fault="new key"))
    assert is_in(signed_in(console))


@pytest.mark.parametrize(
    "fault",
    ["wrong issuer", "wrong audience", "among others", "expired", "of tomorrow", "wrong nonce", "wrong access token",
     "strange key", "known secret", "unsigned", "changed", "no nonce", "no exp",
     "no aud", "no iss", "no sub", "no iat"],
)  # fmt: skip
def test_a_token_that_does_not_hold_opens_nothing(console: Api, fault: str) -> None:
    answer = signed_in(console, fault=fault)
    assert answer.status_code == 403
    assert "统一身份认证登录未成功" in answer.text
    assert SESSION not in cookies_of(answer)
    assert [one.name for one in list_accounts(console.registry)] in ([], ["admin"])


def test_the_way_back_belongs_to_the_browser_that_began(console: Api) -> None:
    mine, other = to_provider(console), to_provider(console)
    back = approved(mine.headers["location"])
    for cookie in ("", f"{OUTSIDE}={cookies_of(other)[OUTSIDE]}", f"{OUTSIDE}=AAAA", f"{OUTSIDE}=%%"):
        assert console.ask("GET", back, headers={"cookie": cookie} if cookie else {}).status_code == 403
    mine_again = {"cookie": f"{OUTSIDE}={cookies_of(mine)[OUTSIDE]}"}
    wrong = back.replace("state=", "state=x")
    assert console.ask("GET", wrong, headers=mine_again).status_code == 403
    assert console.ask("GET", back + "&iss=http://evil.example", headers=mine_again).status_code == 403
    assert is_in(console.ask("GET", back, headers=mine_again))
    assert console.ask("GET", back, headers=mine_again).status_code == 403, "a code is good once"


def test_a_code_without_its_verifier_is_worth_nothing(console: Api) -> None:
    """Who catches somebody's code brings it into a sign-in of their own: the verifier and the nonce are others."""
    caught = _query(approved(to_provider(console).headers["location"]))["code"]
    own = to_provider(console)
    state = _query(own.headers["location"])["state"]
    cookie = {"cookie": f"{OUTSIDE}={cookies_of(own)[OUTSIDE]}"}
    answer = console.ask("GET", f"/console/oidc/callback?code={caught}&state={state}", headers=cookie)
    assert answer.status_code == 403


def test_a_sign_in_that_took_too_long_or_was_refused_there_is_none(console: Api, clock: Clock) -> None:
    begun = to_provider(console)
    cookie = {"cookie": f"{OUTSIDE}={cookies_of(begun)[OUTSIDE]}"}
    back = approved(begun.headers["location"])
    clock.ahead = LONGEST + timedelta(seconds=5)
    assert console.ask("GET", back, headers=cookie).status_code == 403
    clock.ahead = timedelta()
    state = _query(begun.headers["location"])["state"]
    refused = f"/console/oidc/callback?error=access_denied&state={state}"
    assert console.ask("GET", refused, headers=cookie).status_code == 403


def test_the_cookie_of_a_sign_in_tells_nothing_and_crosses_sites(console: Api) -> None:
    begun = to_provider(console)
    (told,) = begun.headers.get_list("set-cookie")
    assert all(word in told for word in ("HttpOnly", "SameSite=lax", "Max-Age=600"))
    state = _query(begun.headers["location"])["state"]
    assert state not in told


def test_who_lost_the_roles_there_has_none_here(console: Api) -> None:
    answer = signed_in(console, **{"as": "promoted"})
    session = {"cookie": f"{SESSION}={cookies_of(answer)[SESSION]}"}
    assert console.ask("GET", "/console/users", headers=session).status_code == 200
    assert signed_in(console, **{"as": "left"}).status_code == 403
    assert account_named(console.registry, "li.ming").roles == ()
    assert console.ask("GET", "/console/users", headers=session).status_code == 403


def test_an_account_disabled_here_stays_so(console: Api) -> None:
    signed_in(console)
    disable(console.registry, "li.ming", who="root", why="left", now=utc_now())
    assert signed_in(console).status_code == 403


def test_a_name_there_opens_no_account_made_here(console: Api) -> None:
    console.get("/console/account")  # makes the first account
    assert is_in(signed_in(console, **{"as": "admin"}))
    names = [one.name for one in list_accounts(console.registry)]
    assert names[0] == "admin"
    assert names[1].startswith("admin-")
    assert account_named(console.registry, "admin").roles != ("editor",)
    with pytest.raises(Conflict):
        add_account(console.registry, an_account("admin"), who="root")
    assert is_in(signed_in(console, **{"as": "odd"}))
    (odd,) = (one for one in list_accounts(console.registry) if one.name.startswith("oidc-"))
    assert odd.display_name == "王 芳"


def test_an_account_from_outside_has_no_password(console: Api) -> None:
    signed_in(console)
    for password in ("", PASSWORD):
        assert sign_in(console, "li.ming", password).status_code == 403


def test_a_provider_that_is_away_or_set_up_wrong_is_told_and_passwords_still_open(
    tmp_path: Path, provider: Running, clock: Clock
) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    for n, (change, status, words) in enumerate(
        [({"issuer": nowhere}, 503, "暂时无法访问"), ({"issuer": provider.issuer + "/"}, 503, "没有正确配置")]
    ):
        with opened(tmp_path / str(n), clock, **provider.settings(CONSOLE) | change) as api:
            answer = to_provider(api)
            assert (answer.status_code, words in answer.text) == (status, True)
            assert 'name="password"' in api.get("/console/").text
    with opened(tmp_path / "secret", clock, **provider.settings(CONSOLE, client_secret="w" * 8 + "rong" * 3)) as api:
        answer = signed_in(api)
        assert (answer.status_code, "没有正确配置" in answer.text) == (503, True)


def test_without_a_provider_there_is_no_such_way(api: Api) -> None:
    assert "oidc" not in api.get("/console/").text
    for path in ("sign-in", "callback?code=x&state=y"):
        assert api.get(f"/console/oidc/{path}").status_code == 404


def test_the_secret_may_stand_in_a_file_of_this_account_alone(tmp_path: Path, provider: Running, clock: Clock) -> None:
    file = tmp_path / "oidc.secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    given = provider.settings(CONSOLE, client_secret="", client_secret_file=file)
    with opened(tmp_path / "home", clock, **given) as api:
        assert is_in(signed_in(api))
        file.chmod(0o644)
        assert signed_in(api).status_code == 503


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"client_id": ""}, "no client_id"), ({"roles": {}}, "no roles"), ({"console_url": ""}, "no console_url"),
     ({"issuer": "sso.example"}, "expected an address"), ({"issuer": "https://u:p@sso"}, "expected an address"),
     ({"roles": {"x": "king"}}, "owner"), ({"client_secret": "short"}, "at least 16"),
     ({"issuer": "http://sso.example"}, "expected https")],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_at_the_start(wrong: dict[str, Any], said: str) -> None:
    given = Running("https://sso.example").settings(CONSOLE) | wrong
    with pytest.raises(ValueError, match=said):
        OidcSettings(**given)

"""The table of permissions is what the console does: every route states what it needs, and each role gets just that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from civicrec.permissions import ACTIONS, PERMISSIONS, RESOURCES, ROLES, Role, may
from civicrec.registry.audit import audit_rows
from civicrec.security.session_ids import form_token
from civicrec.settings import Settings
from serving.console.app import create_console
from serving.console.permission import Needs, open_to_all
from serving.console.viewer import PAGES
from tests.account_builders import cookie_header, signed_in_as
from tests.serving.conftest import NOW, Api, stocked_api


def below(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield the routes of an application, those of its routers too."""
    for one in routes:
        router = getattr(one, "original_router", None)
        yield from below(router.routes) if router else [one]


CONSOLE: FastAPI = create_console(Settings(home=Path("/nonexistent")))
ROUTES = [route for route in below(CONSOLE.routes) if isinstance(route, APIRoute)]
NAMES = [f"{'/'.join(sorted(route.methods))} {route.path}" for route in ROUTES]
#: What needs nobody to be signed in; whoever adds to this says why.
OPEN = {
    ("POST", "/sign-in"),
    ("GET", "/oidc/sign-in"),
    ("GET", "/oidc/callback"),
    ("GET", "/static/console.css"),
}


def calls_of(route: APIRoute) -> list[Any]:
    return [one.call for one in route.dependant.dependencies]


def needs_of(route: APIRoute) -> list[Needs]:
    return [one for one in calls_of(route) if isinstance(one, Needs)]


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_every_route_states_what_it_needs(route: APIRoute) -> None:
    (method,) = route.methods
    if (method, route.path) in OPEN:
        assert calls_of(route) == [open_to_all]
        return
    (need,) = needs_of(route)
    assert need.resource in RESOURCES
    assert need.action in ACTIONS
    assert any(may([role], need.resource, need.action) for role in ROLES), "nobody could ever open it"
    # Signing out is everybody's: it changes nothing but one's own session.
    assert (method == "GET") == (need.action in ("see", "export")) or route.path == "/sign-out"


def test_nothing_of_the_console_is_beside_its_routes() -> None:
    assert [route for route in below(CONSOLE.routes) if not isinstance(route, APIRoute)] == []
    assert len(ROUTES) > 10


def test_each_page_of_the_navigation_is_a_route_with_the_need_it_states() -> None:
    seen = {
        f"/console{route.path}": needs_of(route)[0] for route in ROUTES if "GET" in route.methods and needs_of(route)
    }
    for path, (_, resource) in PAGES.items():
        assert (seen[path].resource, seen[path].action) == (resource, "see")


def test_the_table_holds_known_words_and_changes_need_sight() -> None:
    assert set(PERMISSIONS) == set(ROLES)
    for allowed in PERMISSIONS.values():
        assert set(allowed) <= set(RESOURCES)
        for actions in allowed.values():
            assert set(actions) <= set(ACTIONS)
            assert "see" in actions
    assert {resource for allowed in PERMISSIONS.values() for resource in allowed} == set(RESOURCES)


def test_what_roles_are_for() -> None:
    """The words of the requirement, beside the table."""
    may_change = {role: {one for one in RESOURCES if may([role], one, "change")} - {"account"} for role in ROLES}
    assert may_change["owner"] == {"editorial", "campaigns"}
    assert may_change["editor"] == {"catalogue", "tags", "editorial", "segments"}
    assert may_change["analyst"] == set()
    assert may_change["admin"] == {"users", "settings", "models", "rights"}
    assert {one for one in RESOURCES if may(["analyst"], one, "see")} == {"reports", "segments", "account"}
    assert [role for role in ROLES if may([role], "users", "see")] == ["admin"]
    assert [role for role in ROLES if may([role], "rights", "see")] == ["admin"], "only these see what a person wrote"


def test_several_roles_are_the_sum_of_each() -> None:
    sets = chain.from_iterable(combinations(ROLES, n) for n in range(len(ROLES) + 1))
    for roles in sets:
        for resource in RESOURCES:
            for action in ACTIONS:
                each = any(action in PERMISSIONS[role].get(resource, ()) for role in roles)
                assert may(roles, resource, action) == each


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with stocked_api(tmp_path_factory.mktemp("roles")) as api:
        yield api


def asked(api: Api, route: APIRoute, role: Role) -> httpx.Response:
    session_id = signed_in_as(api.registry, NOW, [role], name=role)
    (method,) = route.methods
    body = {"data": {"token": form_token(session_id)}} if method == "POST" else {}
    return api.ask(method, f"/console{route.path}", headers=cookie_header(session_id), **body)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_table_says_and_nothing_else(shared: Api, role: Role) -> None:
    signed_in_as(shared.registry, NOW, ["admin"], name="root")
    for route in ROUTES:
        if not needs_of(route) or route.path == "/sign-out":
            continue
        (need,) = needs_of(route)
        answer = asked(shared, route, role)
        if may([role], need.resource, need.action):
            assert "没有权限" not in answer.text, route.path
            assert answer.status_code in (200, 303, 404, 422, 503), route.path  # a form of no fields; no warehouse here
        elif route.path == "/":
            assert (answer.status_code, answer.headers["location"]) == (303, "/console/complaints")
        else:
            assert answer.status_code == 403, route.path
            assert "没有查看此页或进行此项操作的权限" in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_pages_name_only_what_is_open(shared: Api, role: Role) -> None:
    session_id = signed_in_as(shared.registry, NOW, [role], name=role)
    text = shared.ask("GET", "/console/account", headers=cookie_header(session_id)).text
    for path, (words, resource) in PAGES.items():
        assert (f'<a href="{path}"' in text) == may([role], resource, "see"), words


@pytest.mark.parametrize("route", [route for route in ROUTES if "POST" in route.methods], ids=lambda one: one.path)
def test_no_form_is_taken_without_its_session_s_token(shared: Api, route: APIRoute) -> None:
    mine = signed_in_as(shared.registry, NOW, name="forms")
    before = audit_rows(shared.registry, n=1)
    for token in (None, "", "x", form_token("another")):
        fields = {"deed": "add", "name": "eve", "display_name": "Eve", "role": "admin", "decision": "accepted"}
        given = fields if token is None else {**fields, "token": token}
        answer = shared.ask("POST", f"/console{route.path}", data=given, headers=cookie_header(mine))
        assert answer.status_code == 403
    assert audit_rows(shared.registry, n=1) == before

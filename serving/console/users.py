"""The console's page of accounts: who may sign in and as what, for those who manage them.

In: settings, and the query or the fields of a form. Out: a `PageAnswer`. A password that is made here is told once, on
the page that answers, and opens nothing but the page to change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from civicrec.clock import PORTAL_TZ
from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.permissions import ROLES, roles_of
from civicrec.registry.accounts import (
    MAX_DISPLAY_NAME,
    Account,
    LastManager,
    account_named,
    add_account,
    disable,
    enable,
    list_accounts,
    name_of,
    set_password,
    set_roles,
)
from civicrec.registry.sessions import end_sessions
from civicrec.registry.tables import registry_at
from civicrec.security.account_passwords import hash_of, made_password
from civicrec.settings import Settings
from civicrec.text import is_blank, unprintable
from serving.console.pages import ROLE_WORDS, PageAnswer, page, way_back
from serving.console.viewer import Viewer

USERS = "/console/users"
_WHY = "内容运营台"
_DONE = {"roles": "角色已更改", "disable": "账号已停用", "enable": "账号已启用", "end": "已退出该账号的全部登录"}


def users_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show all accounts; `now` is not looked at."""
    done = _DONE.get(query.get("done", ""), "")
    return _users(settings, viewer, notice=f"{done}（{query.get('name', '')[:64]}）。" if done else "")


def change_user(settings: Settings, fields: Sequence[tuple[str, str]], now: datetime, viewer: Viewer) -> PageAnswer:
    """Add an account, or change one."""
    given = {name: value.strip() for name, value in fields}
    roles = [value for name, value in fields if name == "role"]
    deed = given.get("deed", "")
    try:
        with registry_at(settings.registry_address) as registry:
            if deed in ("add", "password"):
                password = made_password()
                make = _add if deed == "add" else _renew
                account = make(registry, given, roles, password, viewer.name, now)
                return _users(settings, viewer, told=account, password=password)
            _change(registry, deed, given.get("name", ""), roles, viewer.name, now)
    except InvalidInput as error:
        return _users(settings, viewer, problem=_in_words(error), given=given, roles=roles, status=error.http_status)
    return way_back(USERS, done=deed, name=given.get("name", ""))


def _add(
    registry: Engine, given: Mapping[str, str], roles: Sequence[str], password: str, who: str, now: datetime
) -> Account:
    shown = given.get("display_name", "")
    if is_blank(shown) or len(shown) > MAX_DISPLAY_NAME or unprintable(shown):
        raise InvalidInput(f"请填写姓名（1 至 {MAX_DISPLAY_NAME} 个字）")
    if not roles:
        raise InvalidInput("请至少选择一个角色")
    try:
        name = name_of(given.get("name", ""))
    except InvalidInput:
        raise InvalidInput("账号应为 1 至 64 个小写字母、数字或 . _ @ -，以字母或数字开头") from None
    made = Account(name, shown, roles_of(roles), now, now, hash_of(password), must_change=True)
    return add_account(registry, made, who=who)


def _renew(
    registry: Engine, given: Mapping[str, str], roles: Sequence[str], password: str, who: str, now: datetime
) -> Account:
    account = account_named(registry, given.get("name", ""))
    if account.outside_id:
        raise InvalidInput("该账号通过统一身份认证登录，没有口令")
    return set_password(registry, account.name, hash_of(password), must_change=True, who=who, now=now)


def _change(registry: Engine, deed: str, name: str, roles: Sequence[str], who: str, now: datetime) -> None:
    if deed == "roles":
        if not roles:
            raise InvalidInput("请至少选择一个角色")
        set_roles(registry, name, roles, who=who, now=now)
    elif deed == "disable":
        disable(registry, name, who=who, why=_WHY, now=now)
    elif deed == "enable":
        enable(registry, name, who=who, why=_WHY, now=now)
    elif deed == "end":
        end_sessions(registry, account_named(registry, name).name, who=who, now=now)
    else:
        raise InvalidInput("请选择要做的操作")


def _in_words(error: InvalidInput) -> str:
    if isinstance(error, LastManager):
        return "这是最后一个能管理用户的账号，不能停用或改为其他角色；请先为另一个账号加上系统管理员角色。"
    if isinstance(error, Conflict):
        return "账号已存在，请换一个名称。"
    if isinstance(error, NotFound):
        return "没有这个账号。"
    return f"{error}。"


def _users(
    settings: Settings, viewer: Viewer, *, problem: str = "", notice: str = "", told: Account | None = None,
    password: str = "", given: Mapping[str, str] | None = None, roles: Sequence[str] = (), status: int = 200,
) -> PageAnswer:  # fmt: skip
    with registry_at(settings.registry_address) as registry:
        found = list_accounts(registry)
    return page(
        "users.html", status, viewer, heading="用户", here=USERS, problem=problem, notice=notice, told=told,
        password=password, given=(given or {}) if (given or {}).get("deed") == "add" else {}, given_roles=roles,
        roles=ROLES, found=[_shown(one) for one in found],
        n_open=sum(one.disabled_at is None for one in found),
    )  # fmt: skip


def _shown(one: Account) -> dict[str, Any]:
    return {
        "name": one.name, "display_name": one.display_name, "roles": one.roles,
        "role_words": "、".join(ROLE_WORDS[role] for role in one.roles) or "无",
        "is_disabled": one.disabled_at is not None, "must_change": one.must_change,
        "is_outside": bool(one.outside_id), "signed_in": minute_of(one.signed_in_at) or "从未登录",
        "created": minute_of(one.created_at),
    }  # fmt: skip


def minute_of(at: datetime | None) -> str:
    """Return a time as the office reads it, empty for none."""
    return at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M") if at else ""

"""The console's page of one's own account: the password, and where one is signed in.

In: settings, and the query or the fields of a form. Out: a `PageAnswer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine

from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.accounts import account_named, set_password
from civicrec.registry.failed_sign_ins import count_attempt, take_back
from civicrec.registry.sessions import end_session, sessions_of
from civicrec.registry.tables import registry_at
from civicrec.security.account_passwords import MIN_PASSWORD, checked_password, hash_of, is_password_of
from civicrec.security.holding_back import BROWSER
from civicrec.security.session_ids import id_digest
from civicrec.settings import Settings
from civicrec.web.query import whole_number
from serving.console.browser_words import browser_words
from serving.console.pages import PageAnswer, page, way_back
from serving.console.users import minute_of
from serving.console.viewer import Viewer

ACCOUNT = "/console/account"
_MAX_NUMBER = 2**31 - 1
_DONE = {"end": "已退出该处登录。", "others": "已退出其他各处登录。"}
_RULE = f"至少 {MIN_PASSWORD} 个字符，不能由账号名或常见词组成，也不能只用少数几个字符"


def account_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show one's own account and sessions."""
    return _account(settings, now, viewer, notice=_DONE.get(query.get("done", ""), ""))


def change_account(settings: Settings, fields: Sequence[tuple[str, str]], now: datetime, viewer: Viewer) -> PageAnswer:
    """Change one's password, which ends every session, or end sessions."""
    given = dict(fields)
    deed = given.get("deed", "")
    try:
        with registry_at(settings.registry_address) as registry:
            if deed == "password":
                _change_password(registry, viewer, given, now)
                return way_back("/console/", changed="1")
            if deed not in _DONE:
                raise InvalidInput("请选择要做的操作。")
            number = whole_number(given.get("number", ""), 1, _MAX_NUMBER) or 0
            ended = [number] if deed == "end" else _others(registry, viewer, now)
            for one in ended:
                end_session(registry, viewer.name, one, who=viewer.name, now=now)
    except NotFound:
        return _account(settings, now, viewer, problem="该处登录已经结束。", status=404)
    except InvalidInput as error:
        return _account(settings, now, viewer, problem=str(error), status=error.http_status)
    return way_back(ACCOUNT, done=deed)


def _others(registry: Engine, viewer: Viewer, now: datetime) -> list[int]:
    return [one.number for one in sessions_of(registry, viewer.name, now) if one.number != viewer.session]


def _change_password(registry: Engine, viewer: Viewer, given: Mapping[str, str], now: datetime) -> None:
    account = account_named(registry, viewer.name)
    if account.outside_id:
        raise InvalidInput("您的账号通过统一身份认证登录，口令在那里修改。")
    counted = id_digest(f"password:{viewer.name}")  # who found a browser open guesses no more here than at the door
    if wait := count_attempt(registry, {counted: BROWSER}, now):
        raise InvalidInput(f"尝试次数过多，请在 {int(wait.total_seconds()) + 1} 秒后重试。")
    if not is_password_of(given.get("password", ""), account.password_hash):
        raise InvalidInput("现口令不正确。")
    take_back(registry, counted)
    new = given.get("new", "")
    if new != given.get("again", ""):
        raise InvalidInput("两次输入的新口令不一致。")
    try:
        checked_password(new, account.name)
    except InvalidInput:
        raise InvalidInput(f"新口令不符合要求：{_RULE}。") from None
    if is_password_of(new, account.password_hash):
        raise InvalidInput("新口令与现口令相同，请换一个。")
    set_password(registry, account.name, hash_of(new), must_change=False, who=viewer.name, now=now)


def _account(
    settings: Settings, now: datetime, viewer: Viewer, *, problem: str = "", notice: str = "", status: int = 200
) -> PageAnswer:  # fmt: skip
    with registry_at(settings.registry_address) as registry:
        account = account_named(registry, viewer.name)
        found = sessions_of(registry, viewer.name, now)
    rows = [
        {
            "number": one.number, "browser": browser_words(one.browser), "begun": minute_of(one.begun_at),
            "used": minute_of(one.used_at), "is_this": one.number == viewer.session,
        }
        for one in found
    ]  # fmt: skip
    return page(
        "account.html", status, viewer, heading="我的账号", here=ACCOUNT, problem=problem, notice=notice,
        account=account, rows=rows, rule=_RULE, password_at=minute_of(account.password_at),
    )  # fmt: skip

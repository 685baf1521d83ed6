"""Accounts of the console that open more than they should: passwords that others know, or that nobody needs any more.

In: accounts, and a time. Out: `Opening`s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from operations.stack.security.openings import Opening

if TYPE_CHECKING:
    from civicrec.registry.accounts import Account
    from civicrec.settings import Settings

CHECK = "accounts of the console"
#: An administrator's password is changed once a year at least.
OLD_PASSWORD = timedelta(days=365)
#: Somebody who does not sign in for half a year has left, or works elsewhere.
UNUSED = timedelta(days=180)
#: A password that was told to somebody is used within the week.
TOLD = timedelta(days=7)


def judge_accounts(found: Sequence[Account], now: datetime, *, has_first_password: bool) -> list[Opening]:
    """Judge all accounts.

    Parameters
    ----------
    has_first_password
        Whether the first account still opens with the password of the settings or of the home's file.
    """
    open_ones = [one for one in found if one.disabled_at is None]
    return [
        *_first(has_first_password=has_first_password),
        *_managers(found, open_ones, now),
        *(opening for one in open_ones for opening in _unneeded(one, now)),
    ]


def look_at_accounts(settings: Settings) -> list[Opening]:
    """Look at the accounts of a registry that is there."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import list_accounts
    from civicrec.registry.first_account import opens_with_first_password
    from operations.stack.problems import registry_if_there

    with registry_if_there(settings) as registry:
        found = list_accounts(registry) if registry is not None else []
        is_first = registry is not None and bool(found) and opens_with_first_password(registry, settings)
    return [*judge_accounts(found, utc_now(), has_first_password=is_first), *judge_provider(settings)]


def judge_provider(settings: Settings) -> list[Opening]:
    """Judge how the console is reached by those whom an OpenID provider sends back."""
    from civicrec.settings.oidc import is_safe

    if not settings.oidc.issuer or is_safe(settings.oidc.console_url):
        return []
    what = "browsers come back from the OpenID provider to the console without TLS"
    return [Opening(CHECK, "hole", what, "CIVICREC_OIDC__CONSOLE_URL: put the console behind https")]


def _first(*, has_first_password: bool) -> Iterator[Opening]:
    if has_first_password:
        from civicrec.registry.accounts import FIRST_NAME

        what = f"account {FIRST_NAME} still has its first password, which a file or variable of this machine holds"
        remedy = f"give everybody an account, `civicrec user password {FIRST_NAME}`, and remove console.key"
        yield Opening(CHECK, "advice", what, remedy)


def _managers(found: Sequence[Account], open_ones: Sequence[Account], now: datetime) -> Iterator[Opening]:
    managers = [one for one in open_ones if one.manages_users]
    if found and not managers:
        what = "no account that may sign in manages the others"
        yield Opening(CHECK, "advice", what, "`civicrec user role NAME --role admin`, or who leaves keeps an account")
    for one in managers:
        if one.password_hash and now - one.password_at > OLD_PASSWORD:
            what = f"the password of administrator {one.name} is {(now - one.password_at).days} days old"
            yield Opening(CHECK, "advice", what, "change it under 我的账号 of the console")


def _unneeded(one: Account, now: datetime) -> Iterator[Opening]:
    from civicrec.security.account_passwords import is_outworn

    if one.must_change and now - one.password_at > TOLD:
        what = f"account {one.name} has a password that was told to somebody {(now - one.password_at).days} days ago"
        yield Opening(CHECK, "advice", what, f"`civicrec user disable {one.name}`, or make another when it is needed")
    last = one.signed_in_at or one.created_at
    if now - last > UNUSED:
        what = f"account {one.name} was not used for {(now - last).days} days"
        yield Opening(CHECK, "advice", what, f"`civicrec user disable {one.name}`")
    if is_outworn(one.password_hash):
        what = f"the password of {one.name} is kept by a hash of other parameters than those of now"
        yield Opening(CHECK, "advice", what, "it is made anew when they sign in; else set another")

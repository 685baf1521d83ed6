"""Signing in to the console with a name and a password.

In: what was typed, and what the attempt is counted against. Out: the account, or why not. A name that is nobody's is
answered as a wrong password is: in the same words, after the same time, held back as soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy import Connection, Engine, delete, insert, select, update

from civicrec.errors import InvalidInput, Unauthorized, Unavailable
from civicrec.registry.accounts import Account, account_of_row, name_of
from civicrec.registry.audit import Act, record
from civicrec.registry.failed_sign_ins import count_attempt, take_back
from civicrec.registry.tables import accounts, known_browsers
from civicrec.security.account_passwords import hash_of, is_outworn, is_password_of
from civicrec.security.holding_back import ACCOUNT, ADDRESS, BROWSER, Patience
from civicrec.security.session_ids import id_digest, new_id

#: Browsers of one account that are known; of more the one known for longest is a stranger again.
MAX_KNOWN = 20
#: A script that gives its password with each request is one sign-in an hour in the audit log.
_NOTED_EVERY = timedelta(hours=1)


class HeldBack(Unavailable):
    """There were too many failures; nothing was looked at."""

    http_status = 429

    def __init__(self, wait: timedelta) -> None:
        self.retry_after_s = max(1, ceil(wait.total_seconds()))
        super().__init__(f"too many attempts to sign in failed; the next is looked at in {self.retry_after_s} s")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody who wants to sign in gives.

    Attributes
    ----------
    address
        Keyed digest of the client's address.
    browser
        Id that this browser was given when it signed in before; empty for none.
    is_script
        Whether it comes with each request; then one an hour is written down.
    """

    name: str
    password: str
    address: str
    browser: str = ""
    is_script: bool = False


def sign_in(engine: Engine, attempt: Attempt, now: datetime) -> Account:
    """Return the account that the name and the password are of.

    Raises
    ------
    Unauthorized
        If they are nobody's, or the account is disabled: the same words for all of these.
    HeldBack
        If too many attempts failed before.
    """
    try:
        name = name_of(attempt.name)
    except InvalidInput:
        name = ""
    browser = id_digest(attempt.browser) if attempt.browser and _is_known(engine, attempt.browser, name) else ""
    against = _counted_against(name, attempt, browser)
    if wait := count_attempt(engine, against, now):
        raise HeldBack(wait)
    account = _found(engine, name)
    is_right = is_password_of(attempt.password, account.password_hash if account else "")
    if account is None or not is_right or account.disabled_at:
        _note_failure(engine, account, "disabled" if is_right else "password", now)
        raise Unauthorized("the account or the password is wrong, or the account is disabled")
    own, *others = against
    take_back(engine, own, *others)
    return _signed_in(engine, account, attempt, now)


def know_browser(engine: Engine, account: str, now: datetime, before: str = "") -> str:
    """Return an id by which this browser is known from now on as one that signed in to the account.

    Parameters
    ----------
    before
        The id it was known by; that one is good no more.
    """
    browser = new_id()
    mine = known_browsers.c.account == account
    old = known_browsers.c.digest == id_digest(before)
    newest = select(known_browsers.c.digest).where(mine).order_by(known_browsers.c.since.desc()).limit(MAX_KNOWN - 1)
    with engine.connect() as connection, connection.begin():
        connection.execute(delete(known_browsers).where(mine, old))
        kept = connection.execute(newest).scalars().all()
        connection.execute(delete(known_browsers).where(mine, known_browsers.c.digest.not_in(kept)))
        connection.execute(insert(known_browsers).values(digest=id_digest(browser), account=account, since=now))
    return browser


def note_sign_in(connection: Connection, account: Account, now: datetime, **facts: str) -> None:
    """Write down that somebody signed in."""
    connection.execute(update(accounts).where(accounts.c.name == account.name).values(signed_in_at=now.astimezone(UTC)))
    record(connection, [Act(now, account.name, "signed_in", account.name, facts)])


def _counted_against(name: str, attempt: Attempt, browser: str) -> dict[str, Patience]:
    """Return what is counted: a browser that is known by itself alone, so that strangers' guesses are not its own."""
    if browser:
        return {browser: BROWSER}
    return {id_digest(f"account:{name}"): ACCOUNT, id_digest(f"address:{attempt.address}"): ADDRESS}


def _is_known(engine: Engine, browser: str, name: str) -> bool:
    wanted = select(known_browsers.c.since)
    wanted = wanted.where(known_browsers.c.digest == id_digest(browser), known_browsers.c.account == name)
    with engine.connect() as connection:
        return connection.execute(wanted).first() is not None


def _found(engine: Engine, name: str) -> Account | None:
    with engine.connect() as connection:
        row = connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()
    return account_of_row(row) if row else None


def _signed_in(engine: Engine, account: Account, attempt: Attempt, now: datetime) -> Account:
    last = account.signed_in_at
    with engine.connect() as connection, connection.begin():
        if is_outworn(account.password_hash):
            this = (accounts.c.name == account.name) & (accounts.c.password_hash == account.password_hash)
            connection.execute(update(accounts).where(this).values(password_hash=hash_of(attempt.password)))
        if not attempt.is_script or last is None or not timedelta() <= now - last < _NOTED_EVERY:
            note_sign_in(connection, account, now)
    return account


def _note_failure(engine: Engine, account: Account | None, why: str, now: datetime) -> None:
    """Record a failure, of a name that is nobody's too: that takes as long, and tells nobody which names there are.

    What was typed as a name is not recorded: it may be a password in the wrong field.
    """
    tried = account.name if account else "unknown"
    with engine.connect() as connection, connection.begin():
        record(connection, [Act(now, "unknown", "sign_in_failed", tried, {"why": why})])


def forgive(engine: Engine, name: str) -> None:
    """Forget the failures of an account, so that its next attempt is looked at."""
    take_back(engine, id_digest(f"account:{name}"))

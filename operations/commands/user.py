"""Commands of `user`: accounts of the console, their roles, passwords and sessions.

A password comes from a prompt, a file or stdin, never from the command line, which every account of the machine can
read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import Home, JsonLines, Who, Why, check_why

if TYPE_CHECKING:
    from sqlalchemy import Engine

Name = Annotated[str, typer.Argument(help="Name of the account.")]
Roles = Annotated[list[str], typer.Option("--role", help="owner, editor, analyst or admin; several times for several.")]
PasswordFile = Annotated[
    str, typer.Option(help="File whose first line is the password, - for stdin; without it, it is asked for.")
]
MustChange = Annotated[
    bool, typer.Option("--must-change", help="It opens nothing but the page to change it, as others know it.")
]
_MAX_FILE = 4_096


def register(app: typer.Typer) -> None:
    """Add the group `user` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Accounts of the console.")
    group.command()(add)
    group.command("list")(list_)
    group.command()(role)
    group.command()(disable)
    group.command()(enable)
    group.command()(password)
    group.command()(sessions)
    group.command("sign-out")(sign_out)
    app.add_typer(group, name="user")


def add(
    name: Name,
    role: Roles,
    display_name: Annotated[str, typer.Option(help="What pages show; default the name.")] = "",
    password_file: PasswordFile = "",
    must_change: MustChange = False,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Add an account."""
    from civicrec.clock import utc_now
    from civicrec.permissions import roles_of
    from civicrec.registry.accounts import Account, add_account, name_of
    from civicrec.security.account_passwords import checked_password, hash_of

    name, roles, now = name_of(name), roles_of(role), utc_now()
    kept = hash_of(checked_password(_password(password_file), name))
    account = Account(name, display_name or name, roles, now, now, kept, must_change)
    with _registry(home) as registry:
        add_account(registry, account, who=who)
    print(f"{name} added as {', '.join(roles)}")


def list_(json: JsonLines = False, home: Home = None) -> None:
    """List accounts by name: roles, last sign-in, and whether they are disabled."""
    from civicrec.clock import rfc3339
    from civicrec.registry.accounts import list_accounts

    with _registry(home) as registry:
        found = list_accounts(registry)
    for one in found:
        last = rfc3339(one.signed_in_at) if one.signed_in_at else None
        if json:
            facts = asdict(one) | {
                "roles": list(one.roles), "created_at": rfc3339(one.created_at), "signed_in_at": last,
                "password_at": rfc3339(one.password_at),
                "disabled_at": rfc3339(one.disabled_at) if one.disabled_at else None,
            }  # fmt: skip
            del facts["password_hash"]
            print(dumps(facts, ensure_ascii=False))
        else:
            state = "disabled" if one.disabled_at else "open"
            print(f"{one.name}\t{','.join(one.roles)}\t{state}\t{last or 'never'}\t{one.display_name}")


def role(
    name: Name,
    role: Roles,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Give an account these roles and no others, from its next request on."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import set_roles

    with _registry(home) as registry:
        account = set_roles(registry, name, role, who=who, now=utc_now())
    print(f"{name} is {', '.join(account.roles)}")


def disable(name: Name, why: Why, who: Who = "operator", home: Home = None) -> None:
    """Let an account open nothing any more, from its next request on."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import disable as disable_account

    check_why(why)
    with _registry(home) as registry:
        disable_account(registry, name, who=who, why=why, now=utc_now())
    print(f"{name} disabled")


def enable(name: Name, why: Why, who: Who = "operator", home: Home = None) -> None:
    """Let a disabled account sign in again; one that wrong passwords hold back is let in at once."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import enable as enable_account
    from civicrec.registry.sign_in import forgive

    check_why(why)
    with _registry(home) as registry:
        enable_account(registry, name, who=who, why=why, now=utc_now())
        forgive(registry, name)
    print(f"{name} enabled")


def password(
    name: Name,
    password_file: PasswordFile = "",
    must_change: MustChange = False,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Give an account another password; its sessions end."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import account_named, set_password
    from civicrec.registry.sign_in import forgive
    from civicrec.security.account_passwords import checked_password, hash_of

    with _registry(home) as registry:
        account_named(registry, name)
        kept = hash_of(checked_password(_password(password_file), name))
        set_password(registry, name, kept, must_change=must_change, who=who, now=utc_now())
        forgive(registry, name)
    print(f"{name} has another password")


def sessions(name: Name, json: JsonLines = False, home: Home = None) -> None:
    """List where an account is signed in, the session used last at the head."""
    from civicrec.clock import rfc3339, utc_now
    from civicrec.registry.accounts import account_named
    from civicrec.registry.sessions import sessions_of

    with _registry(home) as registry:
        found = sessions_of(registry, account_named(registry, name).name, utc_now())
    for one in found:
        times = {"begun_at": rfc3339(one.begun_at), "used_at": rfc3339(one.used_at)}
        if json:
            print(dumps(asdict(one) | times, ensure_ascii=False))
        else:
            print(f"{one.number}\t{times['begun_at']}\t{times['used_at']}\t{one.browser}")


def sign_out(
    name: Name,
    session: Annotated[int | None, typer.Option(help="Number of one session; without it, all end.")] = None,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """End the sessions of an account."""
    from civicrec.clock import utc_now
    from civicrec.registry.accounts import account_named
    from civicrec.registry.sessions import end_session, end_sessions

    with _registry(home) as registry:
        account_named(registry, name)
        if session is None:
            n = end_sessions(registry, name, who=who, now=utc_now())
        else:
            end_session(registry, name, session, who=who, now=utc_now())
            n = 1
    print(f"{n} sessions of {name} ended")


@contextmanager
def _registry(home: Home) -> Iterator[Engine]:
    """Open the registry; it has the first account before any other is added."""
    from civicrec.clock import utc_now
    from civicrec.registry.first_account import ensure_first_account
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    settings = load_settings(home)
    with registry_at(settings.registry_address) as registry:
        ensure_first_account(registry, settings, utc_now())
        yield registry


def _password(file: str) -> str:
    """Return a password from where it stands.

    Raises
    ------
    civicrec.errors.InvalidInput
        If nobody is there to ask, or the file cannot be read.
    """
    from civicrec.errors import InvalidInput

    if file == "-":
        return sys.stdin.readline(_MAX_FILE).rstrip("\r\n")
    if file:
        try:
            with open(file, encoding="utf-8-sig") as lines:
                return lines.readline(_MAX_FILE).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read the password from {file}: {error}") from None
    if not sys.stdin.isatty():
        raise InvalidInput("nobody is there to ask for the password; give it with --password-file FILE, or - for stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))

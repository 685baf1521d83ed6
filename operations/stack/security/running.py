"""What the processes that run give away: a store or console that asks for no password, a secret on a command line.

In: settings. Out: `Opening`s; what does not run now opens nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping

import psutil

from civicrec.errors import ConfigError
from civicrec.security.secrets import MIN_CHARACTERS, read_secret
from civicrec.security.tls import tls_context
from civicrec.settings import Settings
from operations.stack.probes import get
from operations.stack.security.files import secret_files
from operations.stack.security.openings import Opening
from operations.stack.security.passwords import secrets_of

CHECK_STORE, CHECK_CONSOLE, CHECK_COMMANDS = "online store", "console", "command lines"
_TIMEOUT_S = 2.0


def look_at_online_store(settings: Settings) -> list[Opening]:
    """Ask the online store without a password."""
    called = settings.redis.endpoint
    try:
        with socket.create_connection((called.host, called.port), timeout=_TIMEOUT_S) as plain:
            context = tls_context(settings.redis)
            connection = context.wrap_socket(plain, server_hostname=called.host) if context else plain
            with connection:
                connection.sendall(b"PING\r\n")
                answer = connection.recv(64)
    except (OSError, ConfigError):
        return []
    if not answer.startswith(b"+PONG"):
        return []
    what = f"the online store at {called.address} answers without a password"
    return [Opening(CHECK_STORE, "hole", what, "give it one (`requirepass`), and set CIVICREC_REDIS__PASSWORD")]


def look_at_console(settings: Settings) -> list[Opening]:
    """Ask the console for what only those may see who have signed in."""
    called = settings.serving.endpoint
    status, body = get(called, "/console/complaints", tls_context(settings.serving))
    if status != 200 or b'action="/console/sign-in"' in body:
        return []
    what = f"the console at {called.address} shows its pages to who has not signed in"
    return [Opening(CHECK_CONSOLE, "hole", what, "stop what answers there; it is none of ours, or an older version")]


def on_command_lines(secrets: Mapping[str, str], lines: Iterable[tuple[int, str]]) -> list[Opening]:
    """Judge command lines, which every account of the machine can read.

    Parameters
    ----------
    secrets
        Name → secret; those shorter than any secret may be are left out, as they stand in many a line by chance.
    lines
        (process number, command line)
    """
    looked_for = {name: secret for name, secret in secrets.items() if len(secret) >= MIN_CHARACTERS}
    return [
        Opening(
            CHECK_COMMANDS, "hole", f"{name} stands on the command line of process {pid}",
            "give it by the environment or a file, and take another: everybody on this machine could read it",
        )
        for pid, line in lines
        for name, secret in looked_for.items()
        if secret in line
    ]  # fmt: skip


def look_at_command_lines(settings: Settings) -> list[Opening]:
    """Look for every secret of this installation in every process."""
    secrets = secrets_of(settings)
    for path in secret_files(settings)[0]:
        try:
            if path.suffix == ".key" and (secret := read_secret(path)):
                secrets.setdefault(path.name, secret)
        except ConfigError:  # the look at files tells of it
            continue
    return on_command_lines(secrets, _command_lines())


def _command_lines() -> Iterator[tuple[int, str]]:
    for process in psutil.process_iter(["pid", "cmdline"]):
        if words := process.info["cmdline"]:
            yield process.info["pid"], "\0".join(words)

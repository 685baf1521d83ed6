"""``civicrec doctor --security``: every look, in order.

In: settings as declared. Out: `SecurityReport`; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable

from civicrec.errors import CivicrecError
from civicrec.security.passwords import with_passwords
from civicrec.settings import Settings
from civicrec.settings.site_file import with_sites
from operations.stack.problems import registry_if_there
from operations.stack.security import accounts, files, network, passwords, reader, running
from operations.stack.security.openings import Opening, SecurityReport, report_of

CHECK_HOME, CHECK_AUDIT = "secrets of the home", "audit log"


def look_at_audit(settings: Settings) -> list[Opening]:
    """Go through the chain of the audit log."""
    from civicrec.registry.audit import verify

    with registry_if_there(settings) as registry:
        broken = verify(registry).broken if registry is not None else None
    if broken is None:
        return []
    remedy = "restore the registry from a backup, and find out who may write its database"
    return [Opening(CHECK_AUDIT, "hole", f"the audit log is broken at row {broken.number}: {broken.why}", remedy)]


#: Name → look at a whole installation.
LOOKS: dict[str, Callable[[Settings], list[Opening]]] = {
    passwords.CHECK: passwords.look_at_passwords,
    passwords.CHECK_TOKEN_KEY: passwords.look_at_token_key,
    files.CHECK_SECRETS: files.look_at_secrets,
    files.CHECK_PERSONAL: files.look_at_personal_files,
    network.CHECK_REACH: lambda settings: network.beyond_this_machine(settings, network.listening()),
    network.CHECK_CLEAR: network.in_clear,
    network.CHECK_ORIGINS: network.wide_origins,
    network.CHECK_PROXIES: network.wide_proxies,
    running.CHECK_STORE: running.look_at_online_store,
    running.CHECK_CONSOLE: running.look_at_console,
    running.CHECK_COMMANDS: running.look_at_command_lines,
    reader.CHECK: reader.look_at_rights,
    accounts.CHECK: accounts.look_at_accounts,
    CHECK_AUDIT: look_at_audit,
}


def examine_security(declared: Settings) -> SecurityReport:
    """Look at everything.

    Parameters
    ----------
    declared
        Of `civicrec.settings.load.declared_settings`: a secret of the home that is refused must not end the looks.
    """
    settings, refused = _with_home(declared)
    found = [(CHECK_HOME, refused)]
    for name, look in LOOKS.items():
        try:
            found.append((name, look(settings)))
        except (CivicrecError, OSError) as error:
            found.append(
                (name, [Opening(name, "unknown", f"could not be looked at: {error}", "see to it, look again")])
            )
    return report_of(found)


def _with_home(settings: Settings) -> tuple[Settings, list[Opening]]:
    refused = []
    for add in (with_sites, with_passwords):
        try:
            settings = add(settings)
        except CivicrecError as error:
            refused.append(Opening(CHECK_HOME, "hole", str(error), "until then nothing starts on this home"))
    return settings, refused

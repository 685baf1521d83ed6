"""TLS to stores and processes. In: a group of settings. Out: how a client speaks, or one clear error.

A server's certificate is always checked, its name too: against the machine's authorities, or the one that is set.
"""

from __future__ import annotations

import ssl
from typing import Any

from civicrec.errors import ConfigError
from civicrec.settings import KafkaSettings, PeerSettings, StoreSettings


def tls_context(settings: PeerSettings) -> ssl.SSLContext | None:
    """Return what a socket to the process or store is wrapped with, None where it is called without TLS.

    Raises
    ------
    ConfigError
        If a certificate or key cannot be read.
    """
    if not settings.endpoint.tls:
        return None
    return context_of(settings) if isinstance(settings, StoreSettings) else ssl.create_default_context()


def context_of(files: StoreSettings | KafkaSettings) -> ssl.SSLContext:
    """Return a context that trusts, and shows, what these files hold."""
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
        if files.cert_file is not None:
            # Without a question for a password on the terminal: a key that has one is refused.
            context.load_cert_chain(files.cert_file, files.key_file, password=lambda: "")
    except OSError as error:  # SSLError is one
        named = ", ".join(str(file) for file in (files.ca_file, files.cert_file, files.key_file) if file is not None)
        raise ConfigError(
            f"the certificates of {named} cannot be used: {error.strerror or error}; expected PEM files, a key "
            "without a password"
        ) from error
    return context


def redis_arguments(settings: StoreSettings) -> dict[str, Any]:
    """Return the same for a Redis client, which reads the files itself."""
    if tls_context(settings) is None:
        return {}
    files = {"ssl_ca_certs": settings.ca_file, "ssl_certfile": settings.cert_file}
    files |= {"ssl_keyfile": settings.key_file} if settings.cert_file else {}
    return {
        "ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True,
        **{name: str(file) for name, file in files.items() if file is not None},
    }  # fmt: skip

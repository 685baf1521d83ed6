"""The endpoints of the stack: where each process listens and how it is asked whether it is ready."""

from __future__ import annotations

from civicrec.process.ports import address_of
from civicrec.security.tls import tls_context
from civicrec.settings import Settings
from operations.stack.probes import http_ok, redis_ok

_READY_PATHS = {"warehouse": "/ping", "collect": "/readyz", "serve": "/readyz"}


def addresses(settings: Settings) -> dict[str, tuple[str, int]]:
    """Return process → (host, port) of each that listens."""
    return {
        "valkey": (settings.redis.host, settings.redis.port),
        "warehouse": (settings.warehouse.host, settings.warehouse.port),
        "collect": (settings.collector.host, settings.collector.port),
        "serve": (settings.serving.host, settings.serving.port),
    }


def is_ready(name: str, settings: Settings) -> bool:
    """Ask the process called `name` whether it does its work now."""
    host, port = addresses(settings)[name]
    if name == "valkey":
        context, password = tls_context(settings.redis), settings.redis.password.get_secret_value()
        return redis_ok(host, port, password, context)
    context = tls_context(settings.warehouse) if name == "warehouse" else None
    return http_ok(host, port, _READY_PATHS[name], context=context)


def urls(settings: Settings) -> dict[str, str]:
    """Return what a person opens or points a program at, by what it is for."""
    where = {name: address_of(*address) for name, address in addresses(settings).items()}
    return {
        "portal": f"http://{where['serve']}/portal/",
        "console": f"http://{where['serve']}/console/",
        "events": f"http://{where['collect']}/v1/events",
        "warehouse": f"http://{where['warehouse']}",
        "online_store": f"redis://{where['valkey']}",
    }

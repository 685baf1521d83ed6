"""The endpoints of the stack: where each process listens and is called, and how it is asked whether it is ready."""

from __future__ import annotations

from typing import Any

from civicrec.process.whose import LOCKED, REFUSAL
from civicrec.security.tls import tls_context
from civicrec.settings import PeerSettings, Settings
from operations.stack.probes import Reached, ask_http, ask_redis, http_json

_READY_PATHS = {"warehouse": "/ping", "collect": "/readyz", "serve": "/readyz"}


def peers(settings: Settings) -> dict[str, PeerSettings]:
    """Return process → its settings, of each that listens."""
    return {
        "valkey": settings.redis,
        "warehouse": settings.warehouse,
        "collect": settings.collector,
        "serve": settings.serving,
    }


def is_ready(name: str, settings: Settings) -> bool:
    """Tell whether the process called `name`, where it is called, does its work now."""
    return _asked(name, settings) is Reached.READY


def what_is_wrong(name: str, settings: Settings) -> str:
    """Return why the process called `name` does not do its work for this home; empty if it does."""
    reached = _asked(name, settings)
    if reached is Reached.READY:
        return ""
    if reached is Reached.AWAY:
        return "does not answer"
    address = peers(settings)[name].endpoint.address
    return f"at {address} {LOCKED if reached is Reached.LOCKED else REFUSAL}"


def _asked(name: str, settings: Settings) -> Reached:
    peer = peers(settings)[name]
    called, context = peer.endpoint, tls_context(peer)
    if name == "valkey":
        return ask_redis(called, settings.redis.password.get_secret_value(), context)
    return ask_http(called, _READY_PATHS[name], context)


def readiness(name: str, settings: Settings) -> dict[str, Any]:
    """Return what a process answers that was asked whether it is ready; empty if it does not answer 200."""
    peer = peers(settings)[name]
    return http_json(peer.endpoint, _READY_PATHS[name], tls_context(peer))


def urls(settings: Settings) -> dict[str, str]:
    """Return what a person opens or points a program at, by what it is for."""
    called = {name: peer.endpoint for name, peer in peers(settings).items()}
    store = called["valkey"]
    return {
        "start": f"{called['serve'].url}/",
        "console": f"{called['serve'].url}/console/",
        "events": f"{called['collect'].url}/v1/events",
        "warehouse": called["warehouse"].url,
        "online_store": f"{'rediss' if store.tls else 'redis'}://{store.address}",
    }

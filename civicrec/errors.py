"""The faults civicrec raises. An expected bad event is a value (`events.Dropped`), not one of these.

::

    CivicrecError
    ├── ConfigError     settings, ports, folders: the operator must act        exit 2, HTTP 500
    ├── InvalidInput    the caller's request cannot be served, never retried   exit 2, HTTP 422
    │   ├── NotFound    the thing named does not exist                         exit 1, HTTP 404
    │   └── Unauthorized  a key or token is missing or wrong                   exit 1, HTTP 401
    ├── Unavailable     a store is down or slow: retry later, or fall back     exit 1, HTTP 503
    └── ArtifactError   a model file is missing, old or mismatched             exit 1, HTTP 503

Every message says what was got, what was expected, and what to do.
"""

from __future__ import annotations


class CivicrecError(Exception):
    """Root of all faults that civicrec raises on purpose."""

    exit_code: int = 1
    http_status: int = 500


class ConfigError(CivicrecError):
    """Settings, ports or folders are wrong; nothing was started."""

    exit_code = 2


class InvalidInput(CivicrecError):
    """The request is understood and cannot be served as it stands."""

    exit_code = 2
    http_status = 422


class NotFound(InvalidInput):
    """What the request names does not exist."""

    exit_code = 1
    http_status = 404


class Unauthorized(InvalidInput):
    """A key or token is missing, expired, or meant for another site."""

    exit_code = 1
    http_status = 401


class Unavailable(CivicrecError):
    """A store or a peer process cannot be reached now."""

    http_status = 503


class ArtifactError(CivicrecError):
    """A trained model is missing, from another version, or damaged."""

    http_status = 503

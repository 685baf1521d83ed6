"""The faults civicrec raises. An expected bad event is a value (`events.Dropped`), not one of these.

::

    CivicrecError
    ├── ConfigError     settings, ports, folders: the operator must act        exit 2, HTTP 500
    ├── InvalidInput    the caller's request cannot be served, never retried   exit 2, HTTP 422
    │   ├── NotFound    the thing named does not exist                         exit 1, HTTP 404
    │   ├── Unauthorized  a key or token is missing or wrong                   exit 1, HTTP 401
    │   ├── Forbidden   the key is good, and not for this                      exit 1, HTTP 403
    │   ├── Conflict    what is there already stands in the way                exit 1, HTTP 409
    │   └── Outdated    it has changed since the caller looked                 exit 1, HTTP 412
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


class Forbidden(InvalidInput):
    """The key is one of a configured site, and may not do this."""

    exit_code = 1
    http_status = 403


class Conflict(InvalidInput):
    """What is there already stands in the way."""

    exit_code = 1
    http_status = 409


class Outdated(InvalidInput):
    """What is to be changed is not as the caller says it is."""

    exit_code = 1
    http_status = 412


class Unavailable(CivicrecError):
    """A store or a peer process cannot be reached now."""

    http_status = 503


class ArtifactError(CivicrecError):
    """A trained model is missing, from another version, or damaged."""

    http_status = 503

"""What a call of an API takes and answers, told once, beside the function that does it.

In: the structs that read its query and its body, and those it answers with. Out: a `Call`, which `civicrec.web.openapi`
writes down for programs and `civicrec.web.docs_page` for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from civicrec.web.asgi import PROBLEM, Problem

F = TypeVar("F", bound=Callable[..., Any])
JSON, TEXT = "application/json", "text/plain"
#: Who may call: a server with a site's key, one that signed with it, a signed-in user.
Security = Literal["api_key", "signature", "subject_token"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of one status; of `type`, a struct, or of a media type alone."""

    description: str
    type: Any = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """A body: media type → the struct that reads it, and examples by name."""

    types: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes
    ----------
    answers
        Status → answer; `refused` makes those of errors.
    query, path
        The structs of its query and of what stands in its path.
    headers
        Request headers that change what it does.
    security
        Ways to say who calls, any of them; with `is_open` none is needed.
    """

    answers: Mapping[int, Answer]
    query: Any = None
    path: Mapping[str, Any] = field(default_factory=dict)
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    security: tuple[Security, ...] = ()
    is_open: bool = True


def refused(**reasons: str) -> dict[int, Answer]:
    """Return the answers to errors, ``s404="no such item"`` for each status: problem documents.

    Those that say when to come back do so in a header.
    """
    return {
        (status := int(name[1:])): Answer(
            description, Problem, PROBLEM, {"Retry-After": "seconds to wait"} if status in (429, 503) else {}
        )
        for name, description in reasons.items()
    }


def describes(call: Call) -> Callable[[F], F]:
    """Put the description beside the function that answers; its docstring is the rest of it."""

    def told(function: F) -> F:
        setattr(function, _CALL, call)
        return function

    return told


def call_of(function: Any) -> Call | None:
    """Return what was told of a function, ``None`` if nothing was."""
    found: Call | None = getattr(function, _CALL, None)
    return found


_CALL = "civicrec_call"

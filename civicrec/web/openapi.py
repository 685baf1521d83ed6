"""The OpenAPI document of a process, made from the structs that read and write what it exchanges.

In: the calls, with their methods and paths. Out: an OpenAPI 3.1 document, as a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import FastAPI

from civicrec.web.calls import Answer, Body, Call, call_of

_SCHEMES = {
    "api_key": {
        "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a site's API key, for servers only",
    },
    "signature": {
        "type": "apiKey", "in": "header", "name": "X-Civicrec-Signature",
        "description": "sha256= and HMAC-SHA256 of `timestamp.body` with a site's API key, in hex",
    },
    "subject_token": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "a subject token of the portal",
    },
}  # fmt: skip
#: What Python's patterns have and those of JSON Schema have not.
_ONLY_PYTHON = re.compile(r"\+\+|\*\+|\(\?<")
_REF = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A call at its address: the names of its parameters in braces, its group, and the docstring of what does it."""

    method: str
    path: str
    name: str
    group: str
    description: str
    call: Call


def operations_of(routes: Iterable[Any]) -> Iterator[Operation]:
    """Return the operations of a framework's routes, of those that a call was told of."""
    for route in routes:
        if call := call_of(route.endpoint):
            for method in sorted(route.methods):
                name, description = route.endpoint.__name__, route.endpoint.__doc__ or ""
                yield Operation(method, route.path_format, name, str(route.tags[0]), description, call)


def describe(app: FastAPI, title: str, description: str, operations: Iterable[Operation]) -> None:
    """Let an application answer with this document, made when it is first asked for: it takes 25 ms."""
    kept = list(operations)
    app.openapi = cache(lambda: document(title, description, kept))  # type: ignore[method-assign]  # FastAPI's own way


def document(title: str, description: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document of an application."""
    operations = list(operations)
    types = {id(one): one for operation in operations for one in _types(operation.call)}
    schemas, components = msgspec.json.schema_components(list(types.values()), ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _described(operation, schema_of, components)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    for operation in operations:  # parameters stand beside their call
        components.pop(getattr(operation.call.query, "__name__", ""), None)
    used = {name for operation in operations for name in operation.call.security}
    made: dict[str, Any] = _portable({
        "openapi": "3.1.0",
        "info": {"title": title, "version": version("civicrec"), "description": description},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {name: _SCHEMES[name] for name in sorted(used)}},
    })  # fmt: skip
    return made


def _types(call: Call) -> list[Any]:
    bodies = list(call.body.types.values()) if call.body else []
    answers = [answer.type for answer in call.answers.values()]
    return [one for one in (call.query, *call.path.values(), *bodies, *answers) if one is not None]


def _described(operation: Operation, schema_of: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    call = operation.call
    summary, _, rest = cleandoc(operation.description).partition("\n\n")
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema_of[id(kind)]}
        for name, kind in call.path.items()
    ]
    if call.query is not None:
        parameters += _query(components[call.query.__name__])
    parameters += [
        {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
        for name, description in call.headers.items()
    ]
    described: dict[str, Any] = {
        "operationId": operation.name, "tags": [operation.group], "summary": " ".join(summary.split()),
        "description": rest, "parameters": parameters,
        "responses": {str(status): _answer(one, schema_of) for status, one in sorted(call.answers.items())},
    }  # fmt: skip
    if call.body:
        described["requestBody"] = _body(call.body, schema_of)
    if call.security:
        described["security"] = [{name: []} for name in call.security] + ([{}] if call.is_open else [])
    return described


def _query(schema: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = []
    for name, said in schema.get("properties", {}).items():
        plain = [one for one in said.get("anyOf", [said]) if one.get("type") != "null"]
        one = {**plain[0], "default": said.get("default")}
        description = one.pop("description", "")
        if one["default"] in (None, ""):
            del one["default"]
        parameters.append({
            "name": name, "in": "query", "required": name in schema.get("required", ()), "description": description,
            "schema": one,
        })  # fmt: skip
    return parameters


def _body(body: Body, schema_of: dict[int, Any]) -> dict[str, Any]:
    examples = {name: {"value": value} for name, value in body.examples.items()}
    return {
        "required": True,
        "content": {
            media: {"schema": schema_of[id(kind)]} | ({"examples": examples} if n == 0 and examples else {})
            for n, (media, kind) in enumerate(body.types.items())
        },
    }


def _answer(answer: Answer, schema_of: dict[int, Any]) -> dict[str, Any]:
    headers = {
        name: {"description": description, "schema": {"type": "string"}} for name, description in answer.headers.items()
    }
    described: dict[str, Any] = {"description": answer.description}
    if answer.media:
        schema = {"type": "string"} if answer.type is None else schema_of[id(answer.type)]
        described["content"] = {answer.media: {"schema": schema}}
    return described | ({"headers": headers} if headers else {})


def _portable(value: Any) -> Any:
    """Return a document whose patterns any language reads, and whose closed lists say of what type they are."""
    if isinstance(value, list):
        return [_portable(one) for one in value]
    if not isinstance(value, dict):
        return value
    portable = {name: _portable(one) for name, one in value.items()}
    pattern = portable.get("pattern")
    if isinstance(pattern, str):
        if _ONLY_PYTHON.search(pattern):
            del portable["pattern"]
        else:
            portable["pattern"] = pattern.replace(r"\Z", "$")
    if "default" in portable and not portable["default"] and portable["default"] is not False:
        del portable["default"]  # nothing at all: generators would ask for it to be given
    if isinstance(portable.get("enum"), list) and all(isinstance(one, str) for one in portable["enum"]):
        portable.setdefault("type", "string")
    return portable

"""``/docs``: the API on one plain page, made from the OpenAPI document; fetches nothing from anywhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}code{background:#eee}"  # noqa: E501  # one line of style


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every call with its parameters."""
    document = request.app.openapi()
    calls = [
        _call(method, path, call) for path, methods in document["paths"].items() for method, call in methods.items()
    ]
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>civicrec API</title><style>{_STYLE}</style>"
        f"<h1>civicrec API {escape(document['info']['version'])}</h1>"
        "<p>Errors are problem documents (RFC 9457). Machine-readable: <a href=/openapi.json>openapi.json</a>.</p>"
        + "".join(calls)
    )
    return HTMLResponse(body, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th><code>{escape(one['name'])}</code><td>{escape(one.get('description', one['in']))}"
        for one in call.get("parameters", [])
    )
    text = escape(call.get("description") or call.get("summary", ""))
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{text}</p><table>{rows}</table>"

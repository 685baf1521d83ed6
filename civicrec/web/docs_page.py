"""``/docs``: an API on one plain page, made from its OpenAPI document; fetches nothing from anywhere.

In: the document. Out: HTML, and the headers it needs.
"""

from __future__ import annotations

from html import escape
from typing import Any

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}code{background:#eee}"  # noqa: E501  # one line of style


def docs_page(document: dict[str, Any]) -> str:
    """Show every call with its parameters, its body and its answers."""
    calls = "".join(
        _call(method, path, call) for path, methods in document["paths"].items() for method, call in methods.items()
    )
    title = escape(document["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title} {escape(document['info']['version'])}</h1><p>{escape(document['info']['description'])}</p>"
        "<p>Errors are problem documents (RFC 9457). Machine-readable: <a href=openapi.json>openapi.json</a>.</p>"
        + calls
    )


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    rows = [(one["name"], one.get("description") or one["in"]) for one in call["parameters"]]
    for media, content in call.get("requestBody", {}).get("content", {}).items():
        rows.append((media, f"body: {content['schema'].get('$ref', '').rpartition('/')[2]}"))
    rows += [(status, answer["description"]) for status, answer in call["responses"].items()]
    table = "".join(f"<tr><th><code>{escape(name)}</code><td>{escape(text)}" for name, text in rows)
    text = escape(" ".join((call["summary"], call["description"])))
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{text}</p><table>{table}</table>"

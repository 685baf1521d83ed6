"""A signed-in person of the demo portal who asks the serving process of some settings."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from civicrec.clock import utc_now
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from serving.app import create_app
from serving.site import create_site

SITE, USER = "demo", "wang"


def ask(settings: Settings, path: str, user: str | None = USER, method: str = "GET", **given: Any) -> httpx.Response:
    """Ask as a user of `SITE`, as nobody for ``None``; the process is made for this one call."""
    headers = {"Authorization": f"Bearer {load_keys(settings).sign(SITE, user, utc_now())}"} if user else {}

    async def sent() -> httpx.Response:
        site = create_app(settings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://test") as client:
            answer = await client.request(method, path, headers=headers, **given)
        await site.state.live.reader.close()
        for close in site.state.closing:
            close()
        return answer

    return asyncio.run(sent())


def look(settings: Settings, path: str, token: str, method: str = "GET", **given: Any) -> httpx.Response:
    """Ask for a page with the subject token of somebody who is signed in on it, empty for nobody."""

    async def sent() -> httpx.Response:
        site = create_site(settings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://test") as client:
            answer = await client.request(method, path, headers={"cookie": f"civicrec_subject={token}"}, **given)
        await site.state.live.reader.close()
        for close in site.state.closing:
            close()
        return answer

    return asyncio.run(sent())

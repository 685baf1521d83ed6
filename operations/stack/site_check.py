"""``civicrec doctor --site``: what a page of a portal and its server would meet, asked as they ask.

In: settings, a site, the origin of its pages and the public addresses. Out: `Finding`s, one line each. Nothing is
stored: the event that is sent says that its visitor agreed to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from civicrec.clients import http_client
from civicrec.clock import rfc3339
from civicrec.errors import CivicrecError, InvalidInput
from civicrec.publishing.cms_fields import fields_path, read_fields
from civicrec.security.api_keys import load_api_keys
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.web.origins import origin_of
from operations.stack.findings import Finding

if TYPE_CHECKING:
    from httpx import Client, Response

_TIMEOUT_S = 10.0
_SHOWN = 120
_ITEMS = 20


def examine_site(
    settings: Settings, site: str, origin: str, collect_url: str, lists_url: str, now: datetime
) -> list[Finding]:
    """Ask everything a page and a server of the portal ask, and say what came; never raises.

    Parameters
    ----------
    collect_url, lists_url
        Addresses as browsers reach them, through whatever stands in between.
    """
    known = settings.sites.get(site)
    if known is None:
        names = ", ".join(sorted(settings.sites)) or "none"
        how = f"civicrec site add {site} --origin {origin or 'https://…'}"
        return [Finding("site", "missing", f"{site} is not registered (registered: {names}); {how}")]
    origins = list(map(origin_of, known.origins))
    if not origin and not origins:
        return [Finding("origin", "missing", f"{site} has no origin, so no page of it may send events or read lists")]
    of_page = origin_of(origin) if origin else origins[0]
    listed = of_page in origins
    finding = Finding(
        "origin", "ok" if listed else "missing",
        of_page if listed else f"{of_page} is not among those of {site}: {', '.join(origins) or 'none'}",
    )  # fmt: skip
    with http_client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
        page = _Page(client, site, of_page, collect_url, lists_url, settings, now)
        return [finding, *page.findings(), *_cms(settings, site)]


def _cms(settings: Settings, site: str) -> list[Finding]:
    """Look at the file that tells the fields of its CMS, where there is one."""
    path = fields_path(settings.home, site)
    if not path.exists():
        return []
    try:
        cms = read_fields(path)
    except InvalidInput as error:
        return [Finding("cms", "missing", str(error))]
    if not load_api_keys(settings).scopes.get(site, frozenset()) >= {"catalogue"}:
        return [Finding("cms", "missing", f"{path} is there, and the key of {site} has no scope catalogue")]
    return [Finding("cms", "ok", f"{path} names {len(cms.fields)} fields")]


class _Page:
    """A page of one origin, and the server behind it."""

    def __init__(
        self, client: Client, site: str, origin: str, collect: str, lists: str, settings: Settings, now: datetime
    ) -> None:
        self._client, self._site, self._origin = client, site, {"Origin": origin}
        self._collect, self._lists, self._settings, self._now = collect, lists, settings, now

    def findings(self) -> Iterator[Finding]:
        """Go through what the browser does, in its order."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("tracker", lambda: self._script(f"{self._collect}/c.js")),
            ("preflight", self._preflight),
            ("event", self._event),
            ("widget", lambda: self._script(f"{self._lists}/w.js")),
            ("list", self._list),
            ("consent", self._signal),
            ("token", self._token),
        )
        for name, check in checks:
            try:
                yield Finding(name, "ok", check())
            except _Wrong as wrong:
                yield Finding(name, "missing", str(wrong))

    def _ask(self, method: str, url: str, **given: Any) -> Response:
        from httpx import HTTPError

        headers = self._origin | given.pop("headers", {})
        for own in (self._settings.collector.endpoint, self._settings.serving.endpoint):
            if url.startswith(f"{own.url}/"):  # not through a proxy, so it may be another home's
                headers = headers | own.headers
        try:
            return self._client.request(method, url, headers=headers, **given)
        except HTTPError as error:
            raise _Wrong(f"{url} cannot be reached: {error or type(error).__name__}") from None

    def _json(self, response: Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            what = response.headers.get("content-type", "nothing")
            raise _Wrong(f"{response.url} is answered by somebody else: status {response.status_code}, {what}")
        if response.status_code != HTTPStatus.OK:
            raise _Wrong(f"{response.status_code}: {str(body.get('detail', body))[:_SHOWN]}")
        return body

    def _readable(self, response: Response) -> None:
        allowed = response.headers.get("access-control-allow-origin", "")
        if allowed not in ("*", self._origin["Origin"]):
            raise _Wrong(
                f"the browser hides the answer from the page: Access-Control-Allow-Origin is {allowed or 'not there'}"
            )

    def _script(self, url: str) -> str:
        response = self._ask("GET", url)
        if response.status_code == HTTPStatus.MISDIRECTED_REQUEST:
            self._json(response)
        if response.status_code != HTTPStatus.OK or "javascript" not in response.headers.get("content-type", ""):
            what = response.headers.get("content-type", "nothing")
            raise _Wrong(f"{url} is no script: status {response.status_code}, {what}")
        return f"{url}, {len(response.content)} bytes"

    def _preflight(self) -> str:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        self._readable(self._ask("OPTIONS", f"{self._collect}/v1/events", headers=asked))
        return "a page may send events with headers of its own"

    def _event(self) -> str:
        event = {
            "event_id": str(uuid4()), "kind": "page_view", "occurred_at": rfc3339(self._now), "site": self._site,
            "channel": "web", "consent": "none", "url_path": "/",
        }  # fmt: skip
        response = self._ask("POST", f"{self._collect}/v1/events", json={"events": [event]})
        answer = self._json(response)
        self._readable(response)
        (refused,) = answer.get("rejected") or [{}]
        if refused.get("reason") != "no_consent":
            raise _Wrong(f"refused: {refused.get('reason', answer)}: {str(refused.get('detail', ''))[:_SHOWN]}")
        return "taken; it was sent without consent, so it is counted and not stored"

    def _page_of(self, **headers: str) -> dict[str, Any]:
        body = {"site": self._site, "anonymous_id": f"doctor-{uuid4().hex}", "blocks": [{"n": _ITEMS}]}
        response = self._ask("POST", f"{self._lists}/v1/recommendations", json=body, headers=headers)
        (answer,) = self._json(response)["blocks"]
        self._readable(response)
        return dict(answer)

    def _list(self) -> str:
        items = self._page_of()["items"]
        if not items:
            raise _Wrong("empty: the catalogue has nothing to show; civicrec catalog import FILE")
        bare = sum("://" not in item.get("url", "") for item in items)
        note = f"; {bare} without an address of their own: give w.js data-link" if bare else ""
        return f"{len(items)} items{note}"

    def _signal(self) -> str:
        if (mode := self._page_of(**{"Sec-GPC": "1"})["mode"]) != "general":
            raise _Wrong(f"Sec-GPC is not obeyed: mode {mode}; does a proxy take the header away?")
        return "Sec-GPC makes a list general"

    def _token(self) -> str:
        try:
            token = load_keys(self._settings).sign(self._site, f"doctor-{uuid4().hex}", self._now)
        except CivicrecError as error:
            raise _Wrong(str(error)) from None
        headers = {"Authorization": f"Bearer {token}"}
        response = self._ask("GET", f"{self._lists}/v1/recommendations?site={self._site}&n=1", headers=headers)
        try:
            self._json(response)
        except _Wrong as wrong:
            if response.status_code == HTTPStatus.UNAUTHORIZED:
                raise _Wrong(f"{wrong}; the key is the site's: was civicrec started after it was made?") from None
            raise
        return "a token signed with the site's key is taken"


class _Wrong(Exception):
    """What is wrong, in one line."""

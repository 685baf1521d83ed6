"""A script for pages, packed where the browser takes it, and not sent again while it is the same.

In: request headers. Out: a response. Any page may load it, also with ``crossorigin`` and ``integrity``.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from importlib import resources

from fastapi import Response

#: ``gzip;q=0`` says no.
_PACKED = re.compile(r"(?:^|[\s,])(?:x-)?gzip(?!\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$))(?=[\s,;]|$)", re.IGNORECASE)

#: Internet Explorer, and the IE modes of the browsers of the country: a script of 2015 is an error to them, which they
#: show to the visitor and to the page's `onerror`.
_CANNOT_READ_IT = re.compile(r"\bMSIE |\bTrident/")


class Script:
    """A built script, read once.

    Parameters
    ----------
    package, path
        Where the file lies: an import package, and the path in it.
    """

    def __init__(self, package: str, path: str) -> None:
        self._plain = resources.files(package).joinpath(path).read_bytes()
        self._packed = gzip.compress(self._plain, mtime=0)
        self._tag = f'W/"{hashlib.sha256(self._plain).hexdigest()[:32]}"'  # weak: packed or not, it is the same
        self._headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=3600",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": self._tag,
            "Vary": "Accept-Encoding",
        }

    def answer(self, headers: Mapping[str, str]) -> Response:
        """Return the script, 304 to who has it, or nothing to a browser that cannot read it."""
        if _CANNOT_READ_IT.search(headers.get("user-agent", "")):
            alone = {"Cache-Control": "private, no-store"}  # a cache must not hand it to others
            return Response(b"", media_type="text/javascript", headers=alone)
        known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
        if known & {self._tag.removeprefix("W/"), "*"}:
            return Response(status_code=304, headers=self._headers)
        if _PACKED.search(headers.get("accept-encoding", "")):
            encoding = {"Content-Encoding": "gzip"}
            return Response(self._packed, media_type="text/javascript", headers=self._headers | encoding)
        return Response(self._plain, media_type="text/javascript", headers=self._headers)

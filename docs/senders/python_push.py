"""Tell civicrec what a CMS has published, changed or taken back. Copy; standard library only.

    API_KEY=… python python_push.py https://lists.example.gov.cn gz < documents.json

`documents.json` is what the CMS says, in its own words; `cms/gz.toml` of civicrec's home tells what they mean. Call it
when somebody publishes, or from a timer with all that changed: the same again changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request

TRIES = 5


def push(server: str, site: str, key: str, body: bytes) -> dict[str, object]:
    """Push one document or a list of them, 1 MiB at most; return what became of each.

    Raises
    ------
    urllib.error.HTTPError
        If it is refused; its body says why.
    OSError
        If the server is not there after several tries.
    """
    for attempt in range(TRIES):
        seconds = f"{time.time():.6f}"
        signature = hmac.new(key.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Civicrec-Timestamp": seconds,
            "X-Civicrec-Signature": f"sha256={signature}",
        }
        request = urllib.request.Request(f"{server.rstrip('/')}/v1/cms/{site}", data=body, headers=headers)
        try:
            # No proxy of the environment: drafts are nobody else's.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code not in (429, 500, 502, 503, 504) or attempt == TRIES - 1:
                raise
        except OSError:
            if attempt == TRIES - 1:
                raise
        time.sleep(2**attempt)
    raise AssertionError("every try returns or raises")


if __name__ == "__main__":
    try:
        done = push(sys.argv[1], sys.argv[2], os.environ["API_KEY"], sys.stdin.buffer.read())
    except urllib.error.HTTPError as refused:
        sys.exit(f"{refused.code}: {refused.read().decode(errors='replace')}")
    print(json.dumps(done, ensure_ascii=False))  # noqa: T201
    sys.exit(1 if done["bad"] else 0)

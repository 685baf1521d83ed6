"""``/v1/cms/{site}``: what the CMS of a portal pushes when somebody publishes, changes or takes back a document.

In: a signed body in the words of the CMS. Out: what became of each row.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine

from civicrec.clock import utc_now
from civicrec.publishing.cms_fields import rows_in
from civicrec.publishing.pushes import take_push
from civicrec.registry.pushes import answer_before, keep_answer
from civicrec.security.signatures import WINDOW_S
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from profiles.rules.language import rule_from
from serving.answers import json_answer
from serving.item_shapes import PushAnswer, RowFault
from serving.publisher import CMS_PATH, Publisher, name_of
from serving.query import TOO_MANY, NoQuery, query_of

router = APIRouter(tags=["catalogue"])
SiteId = Annotated[str, msgspec.Meta(max_length=64, description="the site whose key signed")]
#: The clock of a sender may be before ours: a push of the future is good for twice as long.
_GOOD_FOR = timedelta(seconds=2 * WINDOW_S)
_PUSH = {"docId": 71, "docTitle": "关于促进新能源汽车消费的通知", "pubTime": "2026-01-31 08:00", "opType": "publish"}


@router.post(CMS_PATH)
@describes(
    Call(
        {
            200: Answer("what became of each row", PushAnswer),
            **refused(
                s400="a body cut off", s401="nobody with the site's key signed it within five minutes",
                s403="the key lacks the scope catalogue", s404="no file tells the fields of this CMS",
                s408="a body too slow", s413="a body of more than 1 MiB", s422="no JSON, or no rows in it",
                s429=TOO_MANY, s503="the registry is away, or the file of the site is damaged",
            ),
        },
        NoQuery, {"site": SiteId}, Body({JSON: Any}, {"一条": _PUSH, "several": [_PUSH]}),
        {"X-Civicrec-Timestamp": "seconds since 1970, part of what is signed"}, ("signature",), is_open=False,
    )
)  # fmt: skip
async def push(request: Request, site: str) -> Response:
    """Take what a CMS pushes; `cms/<site>.toml` of the home says what it calls its fields.

    The same push again is answered as before and changes nothing.
    """
    publisher: Publisher = request.app.state.publisher
    headers, body, now = request.headers, await request.body(), utc_now()
    timestamp, said = headers.get("x-civicrec-timestamp", ""), headers.get("x-civicrec-signature", "")
    signature = publisher.signed(site, timestamp, said, body, now)
    query_of(request, NoQuery)
    cms = publisher.fields_of(site)

    def act(registry: Engine) -> tuple[bytes, PushAnswer | None]:
        if before := answer_before(registry, signature):
            return before.encode(), None
        done = take_push(
            registry, rows_in(body, cms), cms, who=name_of(site), why=f"POST /v1/cms/{site}", now=now, check=rule_from
        )
        counts = {what: done.counts[what] for what in ("added", "changed", "unchanged", "withdrawn", "restored")}
        bad, notes = ([RowFault(row.line, row.reason) for row in rows] for rows in (done.bad, done.notes))
        answer = PushAnswer(done.rows, **counts, bad=bad, notes=notes)
        encoded = msgspec.json.encode(answer)
        keep_answer(registry, signature, encoded.decode(), now, now - _GOOD_FOR)
        return encoded, answer

    encoded, answer = await publisher.write(act)
    if answer:
        publisher.counted("added", answer.added)
        publisher.counted("changed", answer.changed + answer.withdrawn + answer.restored)
        publisher.counted("unchanged", answer.unchanged)
        publisher.counted("bad", len(answer.bad))
    return json_answer(encoded)

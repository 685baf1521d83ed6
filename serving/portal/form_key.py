"""A key in each form that changes what is kept of somebody: a page elsewhere cannot know it.

In: who looks. Out: a keyed digest of what they are known by, which every form of theirs sends back.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from fastapi import Request

from civicrec.errors import InvalidInput
from civicrec.security.tokens import Keys
from serving.forms import fields_of
from serving.portal.visitor import Visitor

FIELD = "form_key"
#: A complaint of 2 000 characters, as browsers write them.
_MAX_BYTES = 1 << 15
Fields = Sequence[tuple[str, str]]


def form_key(visitor: Visitor, keys: Keys) -> str:
    """Return the key of a visitor's forms: another after signing in or out."""
    known_by = visitor.account.token if visitor.account else visitor.anonymous_id
    return hmac.new(keys.key_for("forms"), known_by.encode(), "sha256").hexdigest()[:32]


async def own_fields(request: Request, visitor: Visitor) -> Fields:
    """Return the fields of a form that a page of this visitor sent.

    Raises
    ------
    InvalidInput
        As of `serving.forms.fields_of`, and if the key is another's: somebody signed in or out meanwhile.
    """
    live = request.app.state.live
    fields = await fields_of(request, live.settings, _MAX_BYTES)
    if not hmac.compare_digest(dict(fields).get(FIELD, "").encode(), form_key(visitor, live.keys).encode()):
        raise InvalidInput("the form is not from this page as it is now; open the page again and send it once more")
    return fields

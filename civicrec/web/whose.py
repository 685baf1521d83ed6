"""A request that is meant for the process of another home is refused: two stacks may have taken the same port in turn.

In: an ASGI application and the home it works on. Out: the same, that answers 421 to such a request.
"""

from __future__ import annotations

from civicrec.process.whose import HOME_HEADER, MISDIRECTED, REFUSAL
from civicrec.web.asgi import Application, Receive, Scope, Send, answer_problem

_HEADER = HOME_HEADER.encode()


class OwnHome:
    """Passes on what is meant for this home, or for none in particular.

    Parameters
    ----------
    home
        By `civicrec.home.home_id`.
    """

    def __init__(self, app: Application, home: str) -> None:
        self._app = app
        self._home = home.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == _HEADER and value != self._home:
                    return await answer_problem(send, MISDIRECTED, f"this process {REFUSAL}", [])
        await self._app(scope, receive, send)

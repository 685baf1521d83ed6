"""The one dependency of every route of the console: who asks is signed in, and their roles let them do this.

In: a request. Out: the `Viewer`, or an answer that says why not.
"""

from __future__ import annotations

from fastapi import Request

from civicrec.permissions import Action, Resource
from serving.console.viewer import Viewer


class NotSignedIn(Exception):
    """Nobody stands behind the request; `for_script` if what was asked for is no page."""

    def __init__(self, *, for_script: bool) -> None:
        super().__init__("not signed in")
        self.for_script = for_script


class NotPermitted(Exception):
    """Whoever asks may not do this."""

    def __init__(self, viewer: Viewer, resource: Resource, action: Action) -> None:
        super().__init__(f"{viewer.name} may not {action} {resource}")
        self.viewer = viewer


class Needs:
    """What a route needs: to do `action` to `resource`, as `civicrec.permissions.PERMISSIONS` has it."""

    def __init__(self, resource: Resource, action: Action) -> None:
        self.resource: Resource = resource
        self.action: Action = action

    def __call__(self, request: Request) -> Viewer:
        """Return who asks.

        Raises
        ------
        NotSignedIn
            If nobody does.
        NotPermitted
            If their roles do not let them, or their password was given to them by somebody else and is not changed.
        """
        viewer: Viewer | None = request.app.state.gate.viewer_of(request)
        if viewer is None:
            raise NotSignedIn(for_script=self.action == "export" or "authorization" in request.headers)
        if not viewer.may(self.resource, self.action) or (viewer.must_change and self.resource != "account"):
            raise NotPermitted(viewer, self.resource, self.action)
        return viewer


def open_to_all() -> None:
    """State that a route needs nobody to be signed in: to sign in, and the style sheet."""

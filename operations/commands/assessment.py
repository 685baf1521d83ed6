"""``civicrec assessment``: a draft of the impact assessment, from what runs."""

from __future__ import annotations

import typer

from operations.commands.options import Home


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command()(assessment)


def assessment(home: Home = None) -> None:
    """Print a draft of the personal information impact assessment (PIPL 55, 56), filled from what runs.

    Markdown in Chinese; what only people can judge stands in 【】. Serving has to run.
    """
    import httpx

    from civicrec.clients import http_client
    from civicrec.clock import utc_now
    from civicrec.errors import Unavailable
    from civicrec.settings import load_settings
    from civicrec.settings.load import declared_settings
    from operations import assessment as drafts
    from operations.stack.security.examine import examine_security

    settings = load_settings(home)
    url = settings.serving.endpoint.url
    try:
        with http_client(base_url=url, timeout=10) as client:
            told = client.get("/v1/transparency").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"serving does not tell at {url} what it does: {error}; start it, then ask again") from None
    print(drafts.assessment(told, settings, examine_security(declared_settings(home)), utc_now()))

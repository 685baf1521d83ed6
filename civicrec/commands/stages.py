"""Commands that run one process each; `civicrec up` starts these same commands."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="Folder that holds all state; default CIVICREC_HOME or .civicrec.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""

    @app.command()
    def warehouse(home: Home = None) -> None:
        """Run the embedded warehouse: chDB behind ClickHouse's HTTP interface, on loopback."""
        _run("civicrec.stack.gateway", "warehouse", home)

    @app.command()
    def collect(home: Home = None) -> None:
        """Run the door for events."""
        _run("collectors.app", "collect", home)

    @app.command()
    def stream(home: Home = None) -> None:
        """Run the stream: events from the log into the warehouse and the online store."""
        _run("streaming.embedded", "stream", home)

    @app.command()
    def serve(home: Home = None) -> None:
        """Run the door for lists."""
        _run("serving.server", "serve", home)


def _run(module: str, name: str, home: Path | None) -> None:
    from civicrec.logs import set_up_logs
    from civicrec.settings import load_settings

    settings = load_settings(home)
    set_up_logs(settings.log_format, settings.log_level, name)
    import_module(module).run(settings)

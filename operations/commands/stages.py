"""Commands that run one process each; `civicrec up` starts these same commands."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from operations.commands.options import Home

if TYPE_CHECKING:
    from civicrec.settings import Settings


Runner = Literal["embedded", "flink"]


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""

    @app.command()
    def warehouse(home: Home = None) -> None:
        """Run the embedded warehouse: chDB behind ClickHouse's HTTP interface, on loopback."""
        _run("operations.stack.gateway", "warehouse", home)

    @app.command()
    def collect(home: Home = None) -> None:
        """Run the collector, which takes events."""
        _run("collectors.app", "collect", home)

    @app.command()
    def stream(
        home: Home = None,
        runner: Annotated[
            Runner | None, typer.Option(help="Where it runs; default CIVICREC_STREAM__RUNNER or embedded.")
        ] = None,
        from_start: Annotated[
            bool,
            typer.Option("--from-start", help="Flink: read the topic from its first record, not from a checkpoint."),
        ] = False,
        stop: Annotated[bool, typer.Option("--stop", help="Flink: end the job with a savepoint and leave.")] = False,
    ) -> None:
        """Run the stream: events from the log, or from Kafka on Flink, into the warehouse and the online store."""
        from civicrec.errors import InvalidInput

        settings = _prepared("stream", home)
        if (runner or settings.stream.runner) == "flink":
            flink = import_module("streaming.flink.job")
            if stop:
                print(flink.stop_job(settings))
            else:
                flink.run(settings, from_start=from_start)
        elif from_start or stop:
            raise InvalidInput("--from-start and --stop belong to --runner flink")
        else:
            import_module("streaming.embedded").run(settings)

    @app.command()
    def serve(home: Home = None) -> None:
        """Run the API that gives lists."""
        _run("serving.server", "serve", home)


def _run(module: str, name: str, home: Path | None) -> None:
    import_module(module).run(_prepared(name, home))


def _prepared(name: str, home: Path | None) -> Settings:
    from civicrec.logs import set_up_logs
    from civicrec.settings import load_settings

    settings = load_settings(home)
    set_up_logs(settings.log_format, settings.log_level, name)
    return settings

"""The command `nightly`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `nightly` to the root command."""
    app.command()(nightly)


def nightly(
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Last day to learn from, as the portal's calendar has it; default today."
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="Run one step: retention, items, tags, segments, rankers or models."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder that holds all state; default CIVICREC_HOME or .civicrec.")
    ] = None,
) -> None:
    """Drop events that are no longer kept, rebuild tags and models from the rest; print the run's manifest as JSON.

    Repeating it changes nothing; after a failure, start it again: it goes on with the step after those that are done.
    """
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from operations.nightly import run_nightly

    settings = load_settings(home)
    with progress_bars() as report:
        manifest = run_nightly(settings, day.date() if day else None, only, report)
    if "models" in manifest and manifest["models"] is None:
        typer.echo(
            "nightly: nobody interacted with an item of the catalogue in this window, so there is nothing to learn; "
            "lists come from fresh items and trends until somebody does",
            err=True,
        )
    print(json.dumps(manifest, ensure_ascii=False))

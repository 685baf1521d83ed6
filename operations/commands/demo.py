"""``civicrec demo``: two weeks of a made-up city, and one visitor's list before and after three clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add ``demo`` to the root command."""
    app.command()(demo)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop the stack after printing instead of staying up.")] = False,
    visitors: Annotated[int, typer.Option(min=50, max=100_000, help="Simulated visitors of the two weeks.")] = 3_000,
    home: Annotated[Path | None, typer.Option(help="Folder of the demo; emptied first.")] = None,
) -> None:
    """Run the whole pipeline on a made-up city and show a list change after three clicks."""
    from civicrec.home import DEMO_HOME
    from civicrec.logs import set_up_logs
    from civicrec.settings import load_settings
    from operations.demo.run import run_demo

    settings = load_settings()
    own: dict[str, object] = {"home": home or DEMO_HOME.of(settings.home)}
    if settings.log_level == "INFO":
        own["log_level"] = "WARNING"  # the demo tells its own story
    if not settings.consent.notice_version:  # so that 我的推荐设置 has something to agree to
        own["consent"] = settings.consent.model_copy(update={"notice_version": "demo-1"})
    settings = settings.model_copy(update=own)
    set_up_logs(settings.log_format, settings.log_level, "demo")
    run_demo(settings, visitors=visitors, leave=leave)

"""Options that many commands have, and the one check of a reason.

Nothing heavy is imported here: `civicrec --help` reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="Folder that holds all state; default CIVICREC_HOME or .civicrec.")]
Who = Annotated[str, typer.Option(help="Name that goes into the audit log.")]
Why = Annotated[str, typer.Option(help="Reason, kept in the audit log.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]

CollectUrl = Annotated[str, typer.Option(help="Address of the collector as browsers reach it; default this machine's.")]
ListsUrl = Annotated[str, typer.Option(help="Address of the lists as browsers reach it; default this machine's.")]


def check_why(why: str) -> None:
    """Refuse a blank reason.

    Raises
    ------
    civicrec.errors.InvalidInput
        If a reader would see nothing.
    """
    from civicrec.errors import InvalidInput
    from civicrec.text import is_blank

    if is_blank(why):
        raise InvalidInput("--why is blank; expected the reason, which the audit log keeps")

"""The root command. Each command imports its stage inside its body, so that ``civicrec --help`` is quick.

Data goes to stdout, words to stderr; exit 0 is success, 1 a failure, 2 usage or configuration.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from civicrec.errors import CivicrecError

app = typer.Typer(
    name="civicrec",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich help pages cost a third of a second at every start
    pretty_exceptions_enable=False,
)

#: Modules of `operations.commands`; each has ``register(app)``. The order is the order of the help page.
_COMMANDS = (
    "demo", "stack", "stages", "nightly", "model", "rebuild", "catalog", "tag", "editorial", "events", "profile",
    "subject", "attributes", "match", "segment", "campaign", "complaint", "audit", "assessment", "site", "console",
    "user", "analyst", "report", "evaluate", "bench",
)  # fmt: skip


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("civicrec"))  # noqa: T201
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Recommendations for government portals: events in, news, policies and services out."""


for _name in _COMMANDS:
    import_module(f"operations.commands.{_name}").register(app)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Write what an encoding lacks as JSON does, ``\u4e2d``, so that JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def main() -> None:
    """Run the command line; a `CivicrecError` becomes one line on stderr and its exit code."""
    # A terminal of GBK cannot show every title: a character it lacks must not turn a deed that is done into a failure.
    codecs.register_error("json_escapes", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="json_escapes")
    os.umask(0o077)  # what any command writes, in the home or beside it, is this account's alone
    try:
        app()
    except CivicrecError as error:
        print(f"civicrec: {error}", file=sys.stderr)  # noqa: T201  # the one place that speaks to a terminal
        sys.exit(error.exit_code)
    except UnicodeEncodeError as error:
        if "surrogates" not in error.reason:
            raise
        part = ascii(error.object)[:100]
        print(f"civicrec: got {part}, which is not text in UTF-8; write it in that encoding", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except MemoryError:
        message = "civicrec: no memory is left for this; what was done before it stays, free memory and repeat"
        print(message, file=sys.stderr)  # noqa: T201
        sys.exit(1)

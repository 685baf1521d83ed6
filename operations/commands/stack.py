"""Commands that run and look at the embedded stack."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from operations.commands.options import CollectUrl, Home, Json, ListsUrl


def register(app: typer.Typer) -> None:
    """Add these commands to the root command."""

    @app.command()
    def up(
        home: Home = None,
        only: Annotated[
            list[str] | None, typer.Option(help="Start only this process; repeat for several. The rest runs elsewhere.")
        ] = None,
    ) -> None:
        """Start the whole stack on this machine and keep it running until Ctrl-C."""
        from civicrec.errors import InvalidInput
        from civicrec.logs import set_up_logs
        from civicrec.settings import load_settings
        from operations.stack.supervisor import PROCESSES, run

        settings = load_settings(home)
        unknown = sorted(set(only or ()) - set(PROCESSES))
        if unknown:
            raise InvalidInput(f"got --only {unknown[0]}; expected one of {', '.join(PROCESSES)}")
        set_up_logs(settings.log_format, settings.log_level, "up")
        run(settings, only or PROCESSES)

    @app.command()
    def status(home: Home = None, json: Json = False) -> None:
        """Say what came in, what is stored, how fresh it is, and which processes run; exit 1 if something is wrong."""
        from civicrec.clock import utc_now
        from civicrec.settings import load_settings
        from operations.stack.state import look

        state = look(load_settings(home), utc_now())
        facts = state.as_json()
        if json:
            print(dumps(facts, ensure_ascii=False))
        else:
            for name, value in facts.items():
                print(f"{name:18}{dumps(value, ensure_ascii=False)}")
        raise typer.Exit(0 if facts["ok"] else 1)

    @app.command()
    def doctor(
        home: Home = None,
        migrate: Annotated[
            bool, typer.Option("--migrate", help="Only bring the tables of registry and warehouse up to date.")
        ] = False,
        books: Annotated[
            bool, typer.Option("--books", help="Only count again in the warehouse what the stream has stored.")
        ] = False,
        security: Annotated[
            bool, typer.Option("--security", help="Only look for what is open to others, each with what to do.")
        ] = False,
        json: Annotated[bool, typer.Option("--json", help="With --security: print one JSON object.")] = False,
        site: Annotated[str, typer.Option(help="Only ask what pages and servers of this portal ask.")] = "",
        origin: Annotated[str, typer.Option(help="With --site: origin of its pages; the first one it has.")] = "",
        collect_url: CollectUrl = "",
        lists_url: ListsUrl = "",
    ) -> None:
        """Say what this machine has and lacks for civicrec; exit 1 if something needed is missing.

        With --migrate: say which migrations ran; exit 1 if a store could not be migrated. Again changes nothing.
        With --site: play a browser of the portal (scripts, preflight, event, list, consent, token) and store nothing.
        With --books: name the records of the log whose events are missing, and what fills them in; exit 1 if there are.
        With --security: exit 1 if there is a hole, 0 with advice alone.
        """
        from civicrec.clock import utc_now
        from civicrec.errors import InvalidInput
        from civicrec.settings import load_settings
        from operations.stack.doctor import examine
        from operations.stack.holes import examine_books
        from operations.stack.site_check import examine_site
        from operations.stack.site_lines import public_addresses
        from operations.stack.tables import migrate_tables

        if json and not security:
            raise InvalidInput("got --json without --security; expected both, or neither")
        if security:
            raise typer.Exit(_tell_security(home, json=json))
        settings = load_settings(home)
        if site:
            addresses = public_addresses(settings, collect_url, lists_url)
            findings = examine_site(settings, site, origin, *addresses, utc_now())
        elif books:
            findings = examine_books(settings, now=utc_now())
        else:
            findings = (migrate_tables if migrate else examine)(settings)
        for finding in findings:
            print(f"{finding.state:9}{finding.name:20}{finding.detail}")
        raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


def _tell_security(home: Path | None, *, json: bool) -> int:
    from civicrec.settings.load import declared_settings
    from operations.stack.security.examine import examine_security

    report = examine_security(declared_settings(home))
    if json:
        print(dumps(report.as_json(), ensure_ascii=False))
    else:
        for one in report.openings:
            print(f"{one.grade:9}{one.check:25}{one.found}; {one.remedy}")
        for name in report.closed:
            print(f"{'closed':9}{name}")
    return 1 if report.has_hole else 0

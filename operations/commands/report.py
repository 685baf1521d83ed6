"""Commands of `report`: what the warehouse says, as a table, JSON or a CSV file for office software."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import datetime
from enum import StrEnum
from json import dumps
from typing import Annotated

import typer

from operations.commands.options import Home

FirstDay = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="First day; default the first of the present share held out."),
]
LastDay = Annotated[
    datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day, included; default today.")
]


class Form(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the group `report` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Reports of the warehouse, each figure with its base.")
    group.callback()(lambda: None)  # a group of one command would be that command
    group.command()(worth)
    app.add_typer(group, name="report")


def worth(
    begin: FirstDay = None,
    until: LastDay = None,
    form: Annotated[Form, typer.Option("--format", help="table to read, json, or csv with a BOM.")] = Form.table,
    home: Home = None,
) -> None:
    """Say what personalisation is worth: visitors with lists of their own against those who are held out.

    The first line is the answer. Needs visitors who are held out (CIVICREC_SERVING__HOLDOUT_SHARE).
    """
    from civicrec.clock import utc_now
    from civicrec.reports.worth import worth as worth_of
    from civicrec.reports.worth_begin import window_since
    from civicrec.reports.worth_text import as_csv, as_text, plain
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    now = utc_now()
    first, last = (day.date() if day else None for day in (begin, until))
    with closing(ClickHouseWarehouse(load_settings(home).warehouse)) as warehouse:
        found = worth_of(warehouse, window_since(warehouse, now, first, last), now)
    if form is Form.csv:
        sys.stdout.buffer.write(as_csv(found))
    else:
        print(dumps(plain(found), ensure_ascii=False) if form is Form.json else as_text(found))

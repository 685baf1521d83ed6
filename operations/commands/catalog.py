"""Commands of `catalog`: bring items in, check them, list them, withdraw, restore and erase them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from operations.commands.options import Home, JsonLines, Who, Why, check_why
from operations.commands.poll import poll

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from civicrec.items import Item, Status
    from civicrec.tags import Dimension

ItemIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Item ids.")]

_SHOWN_FINDINGS = 10  # of each kind, in the report for people; `--json` holds them all


def register(app: typer.Typer) -> None:
    """Add the group `catalog` to the root command."""
    group = typer.Typer(
        no_args_is_help=True, help="Bring items in, poll feeds, check, list, withdraw, restore and erase."
    )
    for command in (check, withdraw, restore, erase, poll):
        group.command()(command)
    group.command("import")(import_)
    group.command("list")(list_)
    app.add_typer(group, name="catalog")


def import_(
    file: Annotated[str, typer.Argument(help="File of JSON objects; - for standard input.")],
    form: Annotated[
        str, typer.Option("--format", help="civicrec, zwfw-services, gov-policies or feed-entries.")
    ] = "civicrec",
    who: Who = "operator",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """Put the good rows of a file into the catalogue and name every bad one; exit 1 if there was any.

    JSON lines, one JSON array, an API's answer around one, or a table (CSV); UTF-8, UTF-16, GB18030 or Big5; also
    packed by gzip.
    """
    import sys

    from civicrec.clock import utc_now
    from civicrec.errors import InvalidInput
    from civicrec.json_files import objects_in
    from civicrec.publishing.imports import import_items
    from civicrec.text import printable
    from profiles.rules.language import rule_from

    with _registry(home) as registry:
        try:
            with sys.stdin.buffer if file == "-" else Path(file).open("rb") as content:
                why, now = f"catalog import --format {form}", utc_now()
                done = import_items(registry, objects_in(content), form, who=who, why=why, now=now, check=rule_from)
        except OSError as error:
            raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    messages = [(row.line, row.reason) for row in done.bad] + [(row.line, f"note: {row.reason}") for row in done.notes]
    for line, what in sorted(messages):
        print(f"line {line}: {printable(what)}", file=sys.stderr)
    if not done.rows:
        print(f"{file} holds no rows, so nothing was imported: is the export empty or cut off?", file=sys.stderr)
    kept = done.kept
    summary = {
        "rows": done.rows, "added": kept.added, "changed": kept.changed, "unchanged": kept.unchanged,
        "bad": len(done.bad),
    }  # fmt: skip
    print(dumps(summary) if json else ", ".join(f"{n} {name}" for name, n in summary.items()))
    raise typer.Exit(1 if done.bad else 0)


def check(json: JsonLines = False, home: Home = None) -> None:
    """Print the data-quality report: counts, missing fields, broken links, words, expiry, re-posts, damaged texts."""
    import msgspec

    from civicrec.catalogue.quality import ThemeWords, check_catalogue
    from civicrec.clock import utc_now
    from civicrec.registry.catalogue import items_since
    from civicrec.text import printable
    from profiles.tags import load_vocabulary

    vocabulary = load_vocabulary()

    def governed(dimension: str, word: str) -> Literal["known", "sensitive", "unknown"]:
        tags = vocabulary.find(word, cast("Dimension", dimension))
        if not tags:
            return "unknown"
        return "sensitive" if any(tag.sensitivity == "sensitive" for tag in tags) else "known"

    tags = [tag for tag in vocabulary.tags.values() if tag.dimension == "theme"]
    themes = ThemeWords(
        known=frozenset(tag.word for tag in tags),
        person=frozenset(tag.word for tag in tags if "person" in tag.codes),
        legal=frozenset(tag.word for tag in tags if "legal" in tag.codes),
    )
    with _registry(home) as registry:
        _, items = items_since(registry)
    report = check_catalogue(items, themes, utc_now(), governed)
    if json:
        print(msgspec.json.encode(report).decode())
        return
    print(f"{report.items} items: {_counts(report.by_type)}")
    print(f"status: {_counts(report.by_status)}")
    for name, findings in report.findings.items():
        print(f"\n{name}: {len(findings)}")
        if name == "missing_field":  # one line a field: thousands of items may lack the same one
            for field, n in Counter(detail for _, detail in findings).most_common():
                print(f"  {n:>6}  {field}")
            continue
        for item_id, detail in findings[:_SHOWN_FINDINGS]:
            print(printable(f"  {item_id}  {detail}"))
        if len(findings) > _SHOWN_FINDINGS:
            print(f"  … {len(findings) - _SHOWN_FINDINGS} more")


def list_(
    type: Annotated[str, typer.Option(help="Only this type.")] = "",
    status: Annotated[str, typer.Option(help="Only this status: draft, online or withdrawn.")] = "",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List the catalogue by id; with --json as lines that `catalog import` reads."""
    from typing import get_args

    from civicrec.errors import InvalidInput
    from civicrec.items import ITEM_TYPES, Status, item_json
    from civicrec.registry.catalogue import items_since
    from civicrec.text import escaped

    for value, allowed, option in ((type, ITEM_TYPES, "--type"), (status, get_args(Status), "--status")):
        if value and value not in allowed:
            raise InvalidInput(f"got {option} {value}; expected one of {', '.join(allowed)}")
    with _registry(home) as registry:
        _, items = items_since(registry)
    for item in items:
        if (type and item.item_type != type) or (status and item.status != status):
            continue
        print(escaped(item_json(item).decode()) if json else _line(item, item.item_type))


def withdraw(
    ids: ItemIds,
    why: Why,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Take items off every list; they stay off when imported again, until restored.

    A reason is needed.
    """
    check_why(why)
    _set(home, ids, "withdrawn", who=who, why=why)


def restore(
    ids: ItemIds,
    why: Why = "",
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Give withdrawn items the status back that they had: online, or draft."""
    _set(home, ids, "online", who=who, why=why)


def erase(
    ids: ItemIds,
    why: Why,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Remove all that items say from the catalogue, for good; only id and type stay, withdrawn.

    Backups keep what they hold. A reason is needed.
    """
    from civicrec.clock import utc_now
    from civicrec.registry.catalogue import erase as erase_items

    check_why(why)
    with _registry(home) as registry:
        for item in erase_items(registry, ids, who=who, why=why, now=utc_now()):
            print(_line(item))


def _set(home: Path | None, ids: list[str], status: Status, *, who: str, why: str) -> None:
    from civicrec.clock import utc_now
    from civicrec.registry.catalogue import set_status

    with _registry(home) as registry:
        items = set_status(registry, ids, status, who=who, why=why, now=utc_now())
    for item in items:
        print(_line(item))


def _line(item: Item, *more: str) -> str:
    """Return an item as one line of a terminal."""
    from civicrec.text import printable

    return printable("\t".join((item.item_id, *more, item.status, " ".join(item.title.split()))))


@contextmanager
def _registry(home: Path | None) -> Iterator[Engine]:
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    with registry_at(load_settings(home).registry_address) as registry:
        yield registry


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in numbers.items()) or "none"

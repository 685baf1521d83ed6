"""Commands of `segment`: people of whom a rule holds; kept, previewed, counted, and never shown by name."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.commands.options import Home, Json, JsonLines, Who, Why, check_why

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from profiles.rules.behaviour import PeopleRule
    from profiles.segments.members import Stores

SegmentId = Annotated[str, typer.Argument(metavar="ID", help="Id of a segment.")]
File = Annotated[Path, typer.Argument(help="JSON with id, name, owner, description and rule; see docs/segments.md.")]
Reason = Annotated[str, typer.Option("--why", help="Reason, kept in the audit log.")]


def register(app: typer.Typer) -> None:
    """Add the group `segment` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Segments: people of whom a rule holds, told as numbers.")
    group.command("list")(list_)
    group.command("members-count")(members_count)
    for command in (put, show, preview, delete, history):
        group.command()(command)
    app.add_typer(group, name="segment")


def put(file: File, why: Reason, who: Who = "operator", home: Home = None) -> None:
    """Keep a segment, or its next version; one whose rule nobody can match is refused.

    A file that names the version it was made from is refused once there is a newer one.
    """
    from civicrec.clock import local_date, utc_now
    from civicrec.registry.segments import put_segment
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from profiles.segments.draft import draft_from

    check_why(why)
    draft = draft_from(_content(file), local_date(utc_now()))
    with registry_at(load_settings(home).registry_address) as registry:
        kept = put_segment(registry, draft, who=who, why=why, now=utc_now())
    print(f"{kept.segment_id} version {kept.version}")


def list_(json: JsonLines = False, home: Home = None) -> None:
    """List the segments with their sizes of the last night; numbers are down to tens, none below ten is told."""
    from civicrec.registry.segments import list_segments, newest_sizes
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from civicrec.text import printable

    with registry_at(load_settings(home).registry_address) as registry:
        found, sizes = list_segments(registry), newest_sizes(registry)
    for one in found:
        size = _size(sizes.get(one.segment_id))
        if json:
            facts = {"id": one.segment_id, "version": one.version, "name": one.name, "owner": one.owner, "size": size}
            print(dumps(facts, ensure_ascii=False))
        else:
            told = size["problem"] or f"{size['text']}\t{size['day']}" if size else "not counted yet"
            print(printable("\t".join((one.segment_id, f"v{one.version}", one.owner, one.name, told)), " "))


def show(segment: SegmentId, home: Home = None) -> None:
    """Print a segment as a file that `put` takes, with its size of the last night and what that was made of."""
    from civicrec.registry import segments
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from profiles.segments.draft import as_file

    with registry_at(load_settings(home).registry_address) as registry:
        found = segments.segment(registry, segment)
        size = segments.newest_sizes(registry).get(segment)
    print(dumps({"segment": as_file(found), "size": _size(size)}, ensure_ascii=False, indent=2))


def preview(file: File, why: Why = "", who: Who = "operator", json: Json = False, home: Home = None) -> None:
    """Tell how many people a segment would have that is not kept, as of the last night; that is recorded."""
    from civicrec.clock import local_date, utc_now
    from profiles.segments.draft import checked_rule, draft_from

    today = local_date(utc_now())
    draft = draft_from(_content(file), today)
    with _stores(home) as stores:
        _tell(stores, draft.segment_id, checked_rule(draft.rule, today), who, why, json=json)


def members_count(
    segment: SegmentId, why: Why = "", who: Who = "operator", json: Json = False, home: Home = None
) -> None:
    """Tell how many people are in a segment by what is known now, as of the last night; that is recorded."""
    from civicrec.registry.segments import segment as segment_of
    from profiles.segments.draft import rule_of

    with _stores(home) as stores:
        _tell(stores, segment, rule_of(segment_of(stores.registry, segment)), who, why, json=json)


def delete(segment: SegmentId, why: Reason, who: Who = "operator", home: Home = None) -> None:
    """End a segment; its versions and sizes stay as history."""
    from civicrec.clock import utc_now
    from civicrec.registry.segments import delete_segment
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    check_why(why)
    with registry_at(load_settings(home).registry_address) as registry:
        delete_segment(registry, segment, who=who, why=why, now=utc_now())
    print(f"{segment} deleted")


def history(segment: SegmentId, home: Home = None) -> None:
    """Print the versions of a segment and its sizes by night, the newest first, as JSON; deleted ones, too."""
    from civicrec.clock import rfc3339
    from civicrec.errors import NotFound
    from civicrec.registry.segments import sizes_of, versions
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    with registry_at(load_settings(home).registry_address) as registry:
        found, sizes = versions(registry, segment), sizes_of(registry, segment)
    if not found:
        raise NotFound(f"no segment {segment[:64]!r} ever was; `civicrec segment list` shows what there is")
    told = [
        {
            "version": one.version, "deleted": one.is_deleted, "name": one.name, "owner": one.owner, "rule": one.rule,
            "who": one.who, "why": one.why, "made_at": rfc3339(one.made_at),
        }
        for one in found
    ]  # fmt: skip
    print(dumps({"id": segment, "versions": told, "sizes": list(map(_size, sizes))}, ensure_ascii=False, indent=2))


def _content(file: Path) -> bytes:
    from civicrec.errors import InvalidInput
    from profiles.segments.draft import MAX_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}; expected a file of JSON") from None


def _stores(home: Path | None) -> AbstractContextManager[Stores]:
    from contextlib import closing, contextmanager

    from civicrec.registry.tables import registry_at
    from civicrec.security.tokens import load_keys
    from civicrec.settings import load_settings
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from profiles.segments.members import Stores

    @contextmanager
    def opened() -> Iterator[Stores]:
        settings = load_settings(home)
        with (
            registry_at(settings.registry_address) as registry,
            closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
        ):
            yield Stores(warehouse, registry, settings, load_keys(settings))

    return opened()


def _tell(stores: Stores, segment_id: str, rule: PeopleRule, who: str, why: str, *, json: bool) -> None:
    from civicrec.clock import utc_now
    from profiles.segments.sizes import counted, shown, told

    answer = counted(stores, segment_id, rule, who=who, why=why, now=utc_now())
    if json:
        print(dumps({"members": told(answer.n), "text": shown(answer.n), **answer.lineage}, ensure_ascii=False))
    else:
        print(f"{shown(answer.n)}（截至 {answer.lineage['as_of']}）")


def _size(size: Any) -> dict[str, Any] | None:
    from profiles.segments.sizes import shown, told

    if size is None:
        return None
    numbers = {name: getattr(size, name) for name in ("members", "entered", "gone")}
    return {
        "day": size.day.isoformat(), "version": size.version, "text": shown(size.members),
        **{name: None if n is None else told(n) for name, n in numbers.items()},
        "entered_text": shown(size.entered), "gone_text": shown(size.gone), "problem": size.problem,
        "lineage": dict(size.lineage),
    }  # fmt: skip

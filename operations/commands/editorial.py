"""Commands of `editorial`: pin, lift and block items in lists, see the rules, and remove them."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import Home, JsonLines, Who, Why, check_why

if TYPE_CHECKING:
    from datetime import datetime

    from civicrec.editorial import Rule

RuledItem = Annotated[str, typer.Argument(metavar="ID", help="Item id.")]
SceneName = Annotated[str, typer.Option(help="Only in this scene; without it in all.")]
From = Annotated[
    str, typer.Option("--from", help="When it begins, such as 2026-03-01 or 2026-03-01 08:00; default now.")
]
Until = Annotated[
    str, typer.Option(help="When it ends; a bare day ends with it. Without it only `remove` ends the rule.")
]


def register(app: typer.Typer) -> None:
    """Add the group `editorial` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Pin, lift and block items in lists; each rule with its reason.")
    for command in (pin, boost, block, remove):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="editorial")


def pin(
    item_id: RuledItem,
    why: Why,
    position: Annotated[int, typer.Option(help="Place in the list, 0 to 99; 0 is the first.")] = 0,
    text: Annotated[str, typer.Option(help="Words the visitor reads after 编辑推荐; none otherwise.")] = "",
    scene: SceneName = "",
    begins: From = "",
    until: Until = "",
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Give an item a place in lists, while it may be shown."""
    _add(home, "pin", item_id, scene, begins, until, who, why, position=position, text=text)


def boost(
    item_id: RuledItem,
    factor: Annotated[float, typer.Option(help="What its score is multiplied by, 0.1 to 10.")],
    why: Why,
    scene: SceneName = "",
    begins: From = "",
    until: Until = "",
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Multiply the score of an item wherever it is a candidate; below 1 lowers it."""
    _add(home, "boost", item_id, scene, begins, until, who, why, factor=factor)


def block(
    item_id: RuledItem,
    why: Why,
    scene: Annotated[str, typer.Option(help="Only in this scene, or `related`; without it in all.")] = "",
    begins: From = "",
    until: Until = "",
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Keep an item out of lists; its page stays. `catalog withdraw` takes it away altogether."""
    _add(home, "block", item_id, scene, begins, until, who, why)


def remove(
    number: Annotated[
        int, typer.Argument(min=1, max=2**63 - 1, help="Number of the rule, as `editorial list` shows it.")
    ],
    why: Why,
    who: Who = "operator",
    home: Home = None,
) -> None:
    """Remove a rule, whatever its state."""
    from civicrec.clock import utc_now
    from civicrec.registry.editorial import remove_rule
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    check_why(why)
    with registry_at(load_settings(home).registry_address) as registry:
        now = utc_now()
        print(_line(remove_rule(registry, number, who=who, why=why, now=now), now))


def list_(
    state: Annotated[str, typer.Option(help="Only this state: waiting, acting or expired.")] = "",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List the rules by number; what is over is listed as expired for 90 days."""
    from dataclasses import asdict
    from typing import get_args

    from civicrec.clock import utc_now
    from civicrec.editorial import RuleState
    from civicrec.errors import InvalidInput
    from civicrec.registry.editorial import rules
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    if state and state not in get_args(RuleState):
        raise InvalidInput(f"got --state {state}; expected one of {', '.join(get_args(RuleState))}")
    with registry_at(load_settings(home).registry_address) as registry:
        known, now = rules(registry), utc_now()
    for rule in known:
        if state in ("", rule.state(now)):
            facts = {"number": rule.number, "state": rule.state(now), **asdict(rule)}
            print(dumps(facts, default=_text, ensure_ascii=False) if json else _line(rule, now))


def _add(
    home: Path | None, kind: str, item_id: str, scene: str, begins: str, until: str, who: str, why: str,
    *, position: int = 0, factor: float = 1.0, text: str = "",
) -> None:  # fmt: skip
    from typing import cast

    from civicrec.catalogue.importers.dates import end_in, time_in
    from civicrec.clock import utc_now
    from civicrec.editorial import Rule, RuleKind
    from civicrec.registry.editorial import add_rule
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from recommender.related import RELATED
    from recommender.scenes.files import SceneFiles
    from recommender.scenes.scene import scene_named

    settings, now = load_settings(home), utc_now()
    if scene and not (kind == "block" and scene == RELATED):
        scene_named(scene, SceneFiles(settings.scenes_path).scenes)
    rule = Rule(
        cast(RuleKind, kind), item_id, scene, position, factor,
        time_in("--from", begins) if begins else None, end_in("--until", until) if until else None, text, who, why,
    )  # fmt: skip
    with registry_at(settings.registry_address) as registry:
        print(_line(add_rule(registry, rule, now), now))


def _line(rule: Rule, now: datetime) -> str:
    """Return a rule as one line of a terminal."""
    from civicrec.text import printable

    does = {"pin": f"pin {rule.position}", "boost": f"boost {rule.factor:g}"}.get(rule.kind, rule.kind)
    until = _text(rule.ends) if rule.ends else "-"
    where, why = rule.scene or "*", " ".join(rule.why.split())
    return printable("\t".join((str(rule.number), rule.state(now), does, rule.item_id, where, until, rule.who, why)))


def _text(value: datetime) -> str:
    from civicrec.clock import rfc3339

    return rfc3339(value)

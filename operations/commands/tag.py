"""Commands of `tag`: themes suggested for items that bring none, accepted or refused by an editor."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import Home, Json, JsonLines, Who

if TYPE_CHECKING:
    from civicrec.registry.suggested_tags import Decision

SuggestedFor = Annotated[list[str], typer.Argument(metavar="ID...", help="Item ids.")]
OneTag = Annotated[
    str,
    typer.Option("--tag", help="Only this tag, such as theme:就业创业; without it every open suggestion of the items."),
]
WhyNot = Annotated[str, typer.Option("--why", help="Reason, kept in the audit log; may be left out.")]


def register(app: typer.Typer) -> None:
    """Add the group `tag` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Themes suggested for items whose catalogue brings none.")
    group.command("list")(list_)
    for command in (suggest, accept, refuse):
        group.command()(command)
    app.add_typer(group, name="tag")


def suggest(json: Json = False, home: Home = None) -> None:
    """Learn the themes of the items that bring some, and suggest them for those that bring none.

    Lists change when an editor accepts. What was accepted or refused stays so; open suggestions are made anew.
    """
    from dataclasses import asdict

    from civicrec.clock import utc_now
    from civicrec.registry.catalogue import items_since
    from civicrec.registry.suggested_tags import suggest as keep_suggestions
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from recommender.training.item_tags import counts_by_theme, lacking, learn_themes

    with registry_at(load_settings(home).registry_address) as registry:
        _, items = items_since(registry)
        classifier = learn_themes([item for item in items if item.status != "withdrawn"])
        without = lacking(items)
        found = classifier.suggestions(without)
        kept = keep_suggestions(registry, found, utc_now())
    facts = {
        "learned_from": classifier.learned_from, "themes": len(classifier.themes), "threshold": classifier.threshold,
        "without_theme": len(without), "with_suggestion": len(found), **asdict(kept),
    }  # fmt: skip
    if json:
        print(dumps(facts | {"by_theme": counts_by_theme(found)}, ensure_ascii=False))
        return
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    for theme, n in counts_by_theme(found).items():
        print(f"  {n:>6}  {theme}")


def list_(
    state: Annotated[str, typer.Option(help="open, accepted, refused, or all.")] = "open",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List suggestions, the surest first."""
    from dataclasses import asdict
    from typing import cast

    from civicrec.clock import rfc3339
    from civicrec.errors import InvalidInput
    from civicrec.registry.suggested_tags import SUGGESTION_STATES, SuggestionState, suggestions
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from civicrec.text import printable

    if state not in (*SUGGESTION_STATES, "all"):
        raise InvalidInput(f"got --state {state}; expected {', '.join(SUGGESTION_STATES)} or all")
    with registry_at(load_settings(home).registry_address) as registry:
        found = suggestions(registry, None if state == "all" else cast(SuggestionState, state))
    for one in found:
        if json:
            print(dumps(asdict(one), default=rfc3339, ensure_ascii=False))
        else:
            title = " ".join(one.title.split())
            print(
                printable("\t".join((one.item_id, one.tag, f"{one.confidence:.2f}", one.state, one.decided_by, title)))
            )


def accept(ids: SuggestedFor, tag: OneTag = "", why: WhyNot = "", who: Who = "operator", home: Home = None) -> None:
    """Make suggestions tags of their items: in the next list, and whatever a later import brings."""
    _decide(home, ids, tag, "accepted", who, why)


def refuse(ids: SuggestedFor, tag: OneTag = "", why: WhyNot = "", who: Who = "operator", home: Home = None) -> None:
    """Refuse suggestions, so that they do not come again; an accepted one, named by --tag, is taken off its item."""
    _decide(home, ids, tag, "refused", who, why)


def _decide(home: Path | None, ids: list[str], tag: str, decision: Decision, who: str, why: str) -> None:
    from civicrec.clock import utc_now
    from civicrec.errors import NotFound
    from civicrec.registry.suggested_tags import decide, suggestions
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings
    from civicrec.text import printable

    with registry_at(load_settings(home).registry_address) as registry:
        pairs = [(item_id, tag) for item_id in ids]
        if not tag:
            pairs = [(one.item_id, one.tag) for one in suggestions(registry) if one.item_id in set(ids)]
            if without := sorted(set(ids) - {item_id for item_id, _ in pairs}):
                raise NotFound(f"no open suggestion for {without[0][:140]!r}; `civicrec tag list` shows what there is")
        for item_id, name in decide(registry, pairs, decision, who=who, why=why, now=utc_now()):
            print(printable(f"{item_id}\t{name}\t{decision}"))

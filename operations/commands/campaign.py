"""Commands of `campaign`: write a push campaign, look at whom it would reach, approve, start, pause and stop it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.commands.options import Home, Json, JsonLines, Who, Why

if TYPE_CHECKING:
    from civicrec.registry.campaigns import KeptCampaign

CampaignId = Annotated[str, typer.Argument(metavar="ID", help="Campaign id.")]
Seen = Annotated[
    int | None,
    typer.Option("--version", help="Version you looked at; refused (409) if somebody changed it since."),
]


def register(app: typer.Typer) -> None:
    """Add the group `campaign` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Push campaigns: items for the people whom they fit.")
    group.command()(put)
    group.command("list")(list_)
    for command in (show, preview, status, propose, return_, approve, start, pause, stop, send, suggest):
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="campaign")


def put(
    file: Annotated[Path, typer.Argument(help="Plan as JSON (docs/push.md); - for stdin.")],
    version: Seen = None,
    who: Who = "operator",
    why: Why = "",
    home: Home = None,
) -> None:
    """Keep a campaign, or change one that nothing was sent of; it is a draft then and needs approval anew."""
    import json
    import sys

    from civicrec.errors import InvalidInput
    from recommender.push.actions import put_campaign

    try:
        data = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read as JSON: {error}") from None
    with _registry(home) as (registry, now):
        _say(put_campaign(registry, data, version, who=who, why=why, now=now))


def list_(
    state: Annotated[str, typer.Option(help="Only this state, such as sending.")] = "",
    json: JsonLines = False,
    home: Home = None,
) -> None:
    """List campaigns, the latest change at the head."""
    from typing import get_args

    from civicrec.errors import InvalidInput
    from civicrec.registry.campaigns import campaigns_of
    from recommender.push.states import State

    if state and state not in get_args(State):
        raise InvalidInput(f"got --state {state}; expected one of {', '.join(get_args(State))}")
    with _registry(home) as (registry, _):
        for kept in campaigns_of(registry, [state] if state else []):
            _say(kept, json=json)


def show(campaign_id: CampaignId, home: Home = None) -> None:
    """Print a campaign with all its versions, as JSON."""
    from dataclasses import asdict

    from civicrec.registry.campaigns import campaign, versions_of

    with _registry(home) as (registry, _):
        kept, versions = campaign(registry, campaign_id), versions_of(registry, campaign_id)
    print(_json(asdict(kept) | {"versions": [asdict(one) for one in versions]}))


def preview(campaign_id: CampaignId, home: Home = None) -> None:
    """Print whom a campaign would reach if it were sent now, and why not the others; nothing is sent.

    A number of 1 to 9 is null, and so is one by which it could be told.
    """
    from civicrec.clock import utc_now
    from civicrec.registry.audit import Act, record_alone
    from civicrec.registry.campaigns import campaign
    from civicrec.settings import load_settings
    from recommender.push.actions import preview_campaign
    from recommender.push.people import people_at
    from recommender.push.plan import plan_from

    settings, now = load_settings(home), utc_now()
    with people_at(settings) as people:
        plan = plan_from(campaign(people.registry, campaign_id).plan)
        found = preview_campaign(people, plan, settings.push.holdout_share, now)
        record_alone(people.registry, Act(now, "operator", "campaign_previewed", campaign_id, {}))
    print(_json({"campaign_id": campaign_id, "at": now, "reached": found.reached, "channels": found.channels,
                 "left_out": found.left_out}))  # fmt: skip


def status(campaign_id: CampaignId, json: Json = False, home: Home = None) -> None:
    """Print how far a campaign is: how many messages wait, went out, were refused, or left out and why."""
    from civicrec.registry.campaigns import campaign
    from civicrec.registry.deliveries import counts_of
    from recommender.push.audience import hidden_small

    with _registry(home) as (registry, _):
        kept, rows = campaign(registry, campaign_id), counts_of(registry, campaign_id)
    numbers = hidden_small({str(place): row["n"] for place, row in enumerate(rows)})
    shown = [row | {"n": numbers[str(place)]} for place, row in enumerate(rows)]
    if json:
        print(_json({"campaign_id": campaign_id, "state": kept.state, "version": kept.version, "messages": shown}))
        return
    _say(kept)
    for row in shown:
        words = (
            row["channel"] or "-",
            row["state"],
            row["reason"] or "-",
            "少于 10" if row["n"] is None else str(row["n"]),
        )
        print("\t".join(words))


def propose(
    campaign_id: CampaignId, version: Seen = None, who: Who = "operator", why: Why = "", home: Home = None
) -> None:
    """Ask for approval of a draft."""
    _step(home, campaign_id, "propose", version, who, why)


def return_(campaign_id: CampaignId, why: Why, version: Seen = None, who: Who = "operator", home: Home = None) -> None:
    """Give a proposed campaign back to who wrote it."""
    _step(home, campaign_id, "return", version, who, why)


def approve(campaign_id: CampaignId, who: Who, version: Seen = None, why: Why = "", home: Home = None) -> None:
    """Approve a proposed campaign; never by who wrote or proposed it."""
    _step(home, campaign_id, "approve", version, who, why)


def start(
    campaign_id: CampaignId, version: Seen = None, who: Who = "operator", why: Why = "", home: Home = None
) -> None:
    """Start an approved campaign, or go on with one that was paused."""
    from civicrec.clock import utc_now
    from civicrec.settings import load_settings
    from recommender.push.actions import start_campaign
    from recommender.push.people import people_at

    settings = load_settings(home)
    with people_at(settings) as people:
        _say(start_campaign(people, campaign_id, version, settings.push, who=who, why=why, now=utc_now()))


def pause(
    campaign_id: CampaignId, version: Seen = None, who: Who = "operator", why: Why = "", home: Home = None
) -> None:
    """Send nothing more until `start`; one that has not begun is approved again."""
    _step(home, campaign_id, "pause", version, who, why)


def stop(campaign_id: CampaignId, why: Why, version: Seen = None, who: Who = "operator", home: Home = None) -> None:
    """End a campaign for good; what was sent stays sent."""
    _step(home, campaign_id, "stop", version, who, why)


def send(
    wait: Annotated[bool, typer.Option("--wait", help="Go on until no campaign is being sent.")] = False,
    home: Home = None,
) -> None:
    """Send what is due now, and stop; `civicrec serve` does it by itself while it runs."""
    from civicrec.settings import load_settings
    from recommender.push.worker import send_due

    print(f"{send_due(load_settings(home), wait=wait)} messages decided on")


def suggest(home: Home = None) -> None:
    """Propose campaigns for what is new, changed or closes soon, as `civicrec serve` does; print their ids."""
    from civicrec.clock import utc_now
    from civicrec.settings import load_settings
    from recommender.push.people import people_at
    from recommender.push.proposals import Proposer

    with people_at(load_settings(home)) as people:
        proposer, now = Proposer(people), utc_now()
        for campaign_id in [*proposer.follow(now), *proposer.remind(now)]:
            print(campaign_id)


def _step(home: Path | None, campaign_id: str, action: Any, version: int | None, who: str, why: str) -> None:
    from operations.commands.options import check_why
    from recommender.push.actions import step_campaign

    if action in ("return", "stop"):
        check_why(why)
    with _registry(home) as (registry, now):
        _say(step_campaign(registry, campaign_id, action, version, who=who, why=why, now=now))


def _registry(home: Path | None) -> Any:
    """Open the registry for the length of a body, with the time."""
    from contextlib import contextmanager

    from civicrec.clock import utc_now
    from civicrec.registry.tables import registry_at
    from civicrec.settings import load_settings

    @contextmanager
    def opened() -> Any:
        with registry_at(load_settings(home).registry_address) as registry:
            yield registry, utc_now()

    return opened()


def _say(kept: KeptCampaign, *, json: bool = False) -> None:
    from dataclasses import asdict

    from civicrec.clock import rfc3339
    from civicrec.text import printable

    if json:
        print(_json(asdict(kept)))
        return
    words = (
        kept.campaign_id, kept.state, f"version {kept.version}", str(kept.plan["title"]), ",".join(kept.authors),
        kept.approved_by or "-", rfc3339(kept.changed_at),
    )  # fmt: skip
    print(printable("\t".join(words)))


def _json(facts: Any) -> str:
    import json

    from civicrec.clock import rfc3339

    return json.dumps(facts, default=rfc3339, ensure_ascii=False)

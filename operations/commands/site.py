"""``civicrec site …``: the portals that send events and ask for lists, kept in the home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.options import CollectUrl, Home, Json, ListsUrl

if TYPE_CHECKING:
    from civicrec.settings import Settings, Site

SiteId = Annotated[str, typer.Argument(metavar="SITE", help="Site id, 1 to 64 of a-z A-Z 0-9 . _ -")]
Link = Annotated[str, typer.Option(help="Address of an item's page, for items without one: /items/{id}")]


def register(app: typer.Typer) -> None:
    """Add the group `site` to the root command."""
    group = typer.Typer(no_args_is_help=True, help="Portals: their keys, origins and the lines for their pages.")
    for command in (add, tag, keys, remove, rotate_pepper):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="site")


def add(
    site: SiteId,
    origin: Annotated[list[str], typer.Option(help="https://host of its pages; may be given several times.")],
    catalogue: Annotated[bool, typer.Option(help="Its API key may change the catalogue.")] = False,
    minors: Annotated[
        bool, typer.Option(help="It is for people under 18: general lists, and events that are measured at most.")
    ] = False,
    link: Link = "/items/{id}",
    collect_url: CollectUrl = "",
    lists_url: ListsUrl = "",
    home: Home = None,
) -> None:
    """Register a portal: make its keys, keep them in the home, and print the lines for its pages.

    One that is registered gets these origins, and the right to the catalogue, besides what it has; its keys stay.
    Running processes know it after their next start.
    """
    import sys

    from civicrec.errors import ConfigError
    from civicrec.home import SITES
    from civicrec.security.secrets import private_folder
    from civicrec.settings import load_settings
    from civicrec.settings.site_file import keep_sites, kept_sites
    from operations.stack.site_lines import checked_id, checked_origin

    site_id, origins = checked_id(site), tuple(checked_origin(one) for one in origin)
    settings = load_settings(home)
    path = SITES.of(settings.home)
    kept = kept_sites(path)
    if site_id in settings.sites and (site_id not in kept or settings.sites[site_id] != kept[site_id]):
        raise ConfigError(f"site {site_id} stands in CIVICREC_SITES: add its origins there")
    before = kept.get(site_id) or _new_site()
    scopes = ("events", "catalogue") if catalogue else before.scopes
    more: dict[str, object] = {"origins": tuple(dict.fromkeys((*before.origins, *origins))), "scopes": scopes}
    more |= {"minors": minors or before.minors}
    private_folder(settings.home)
    keep_sites(path, {**kept, site_id: before.model_copy(update=more)})
    print(f"{site_id}: kept in {path}; start civicrec again, then put into the pages:\n", file=sys.stderr)
    _print_lines(settings, site_id, link, collect_url, lists_url)
    print(f"\n`civicrec site keys {site_id}` prints the keys for the portal's servers.", file=sys.stderr)


def tag(
    site: SiteId, link: Link = "/items/{id}", collect_url: CollectUrl = "", lists_url: ListsUrl = "", home: Home = None
) -> None:
    """Print the lines for the pages of a portal, and the content security policy they need."""
    from civicrec.settings import load_settings

    settings = load_settings(home)
    _known(settings, site)
    _print_lines(settings, site, link, collect_url, lists_url)


def keys(site: SiteId, home: Home = None) -> None:
    """Print the keys of a portal as JSON: `key` signs tokens of its users, `api_key` is for calls of its servers."""
    from json import dumps

    from civicrec.settings import load_settings

    settings = load_settings(home)
    _known(settings, site)
    found = settings.sites[site]
    api_key = found.api_key.get_secret_value() if found.api_key else None
    print(dumps({"key": found.key.get_secret_value(), "api_key": api_key}))


def list_(json: Json = False, home: Home = None) -> None:
    """List the portals with their origins, without keys."""
    from json import dumps

    from civicrec.settings import load_settings

    sites = load_settings(home).sites
    if json:
        print(dumps({name: {"origins": one.origins, "scopes": one.scopes} for name, one in sites.items()}))
        return
    for name, one in sites.items():
        print(f"{name}\t{' '.join(one.origins) or '(no origin: no page may send events)'}\t{' '.join(one.scopes)}")


def rotate_pepper(
    who: Annotated[str, typer.Option(help="Who does this, for the audit log.")],
    why: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    home: Home = None,
) -> None:
    """Give every signed-in visitor of all sites another pseudonym everywhere, by a new secret; print what changed.

    The stores must run, stream and lists must not: `civicrec up --only warehouse --only valkey --only collector`.
    Events are taken meanwhile and wait in the log. Cut off anywhere, the same call goes on.
    """
    from dataclasses import asdict
    from json import dumps

    from civicrec.clock import utc_now
    from civicrec.process.progress import progress_bars
    from civicrec.settings import load_settings
    from operations.pepper import rotate_pepper as rotate

    with progress_bars() as report:
        print(dumps(asdict(rotate(load_settings(home), who, why, utc_now(), report))))


def remove(site: SiteId, home: Home = None) -> None:
    """Forget a portal that `site add` registered; its tokens and keys are refused after the next start."""
    from civicrec.errors import ConfigError
    from civicrec.home import SITES
    from civicrec.settings import load_settings
    from civicrec.settings.site_file import keep_sites, kept_sites

    settings = load_settings(home)
    path = SITES.of(settings.home)
    kept = kept_sites(path)
    if site not in kept:
        where = (
            "it stands in CIVICREC_SITES: take it out there"
            if site in settings.sites
            else "`civicrec site list` names them"
        )
        raise ConfigError(f"no site {site!r} in {path}; {where}")
    keep_sites(path, {name: one for name, one in kept.items() if name != site})


def _new_site() -> Site:
    import secrets

    from pydantic import SecretStr

    from civicrec.settings import Site

    return Site(key=SecretStr(secrets.token_hex(32)), api_key=SecretStr(secrets.token_hex(32)))


def _known(settings: Settings, site: str) -> None:
    from civicrec.errors import ConfigError

    if site not in settings.sites:
        known = ", ".join(sorted(settings.sites)) or "none"
        raise ConfigError(
            f"no site {site!r}; registered: {known}. `civicrec site add {site} --origin https://…` adds it"
        )


def _print_lines(settings: Settings, site: str, link: str, collect_url: str, lists_url: str) -> None:
    import sys

    from operations.stack.site_lines import lines_of, public_addresses

    print(lines_of(site, *public_addresses(settings, collect_url, lists_url), link))
    if not (collect_url and lists_url):
        print(
            "\nThese are addresses on this machine; give --collect-url and --lists-url as browsers reach them.",
            file=sys.stderr,
        )

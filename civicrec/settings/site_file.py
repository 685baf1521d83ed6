"""Portals that `civicrec site add` keeps in the home, beside those of ``CIVICREC_SITES``.

In: settings and the file of the home. Out: settings with both; what the environment says of a site holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from civicrec.errors import ConfigError
from civicrec.home import SITES
from civicrec.process.atomic_files import replace_file
from civicrec.settings.sites import Site

if TYPE_CHECKING:
    from civicrec.settings import Settings

_SITES = TypeAdapter(dict[str, Site])


def with_sites(settings: Settings) -> Settings:
    """Return the settings with the portals of the home.

    Raises
    ------
    ConfigError
        If the file is damaged.
    """
    path = SITES.of(settings.home)
    # In another account's home there is nothing for us, as with passwords.
    kept = kept_sites(path) if os.access(path, os.R_OK) else {}
    return settings.model_copy(update={"sites": {**kept, **settings.sites}}) if kept else settings


def kept_sites(path: Path) -> dict[str, Site]:
    """Return the portals in a file by site id, none if it is not there.

    Raises
    ------
    ConfigError
        If it is damaged; the message tells no value of it.
    """
    try:
        return _SITES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; make it readable for this account") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise ConfigError(
            f"{path} is damaged: {place}{first['msg']}; mend it, or move it away and add the sites again"
        ) from None


def keep_sites(path: Path, sites: dict[str, Site]) -> None:
    """Write the portals, for this account alone.

    Raises
    ------
    ConfigError
        If the file cannot be written; the old one stays.
    """
    shown = {
        site_id: {
            **site.model_dump(mode="json", exclude={"key", "api_key"}),
            "key": site.key.get_secret_value(),
            "api_key": site.api_key.get_secret_value() if site.api_key else None,
        }
        for site_id, site in sites.items()
    }
    try:
        replace_file(path, TypeAdapter(dict).dump_json(shown, indent=2), private=True)
    except OSError as error:
        raise ConfigError(f"cannot keep the sites in {path}: {error.strerror}; make the folder writable") from error

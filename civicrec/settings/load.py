"""Read the settings from the environment, and say in one line what is wrong with one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError

from civicrec.errors import ConfigError
from civicrec.security.passwords import with_passwords
from civicrec.settings.installation import Settings
from civicrec.settings.site_file import with_sites

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PREFIX = "CIVICREC_"
#: How like a setting's name a variable's must be to be a slip of it; programs around us have variables of their own.
_LIKENESS = 0.75
_QUOTED = re.compile(r'"(\w+)"')


def load_settings(home: Path | None = None) -> Settings:
    """Read the environment, and the passwords and sites the home holds; an explicit `home` wins over ``CIVICREC_HOME``.

    Raises
    ------
    ConfigError
        If a secret of the home is not good, or a variable is misspelt, not JSON or out of bounds; the message names it,
        and tells a value that is no secret.
    """
    return with_passwords(with_sites(declared_settings(home)))


def declared_settings(home: Path | None = None) -> Settings:
    """Read the environment alone, for who must look at a home whose secrets may not be good.

    Raises
    ------
    ConfigError
        If a variable is misspelt, not JSON or out of bounds.
    """
    _refuse_misspelt(os.environ)  # noqa: TID251  # the one place that reads them
    try:
        settings = Settings(home=home) if home is not None else Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CIVICREC_" + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigError(f"{name}: {first['msg']}{_got(first)}; see docs/settings.md") from None
    except SettingsError as error:
        field = _QUOTED.search(str(error))
        cause = error.__cause__
        why = f" ({cause.msg}, column {cause.colno})" if isinstance(cause, json.JSONDecodeError) else ""
        name = "CIVICREC_" + (field[1].upper() if field else "…")
        raise ConfigError(f"{name}: not JSON{why}; expected an object or a list, see docs/settings.md") from None
    return _with_own_origin(of_its_home(settings))


def of_its_home(settings: Settings) -> Settings:
    """Return the settings for the processes of their home alone, where no URL names others.

    The home may be made later: who it is, is asked at each connection.
    """
    return _called(settings, settings.home.absolute())


def of_any_home(settings: Settings) -> Settings:
    """Return the settings for whoever answers where they say: a worker of a cluster has a home of its own."""
    return _called(settings, None)


def _called(settings: Settings, home: Path | None) -> Settings:
    groups = ("collector", "serving", "warehouse", "redis")
    return settings.model_copy(update={group: getattr(settings, group).of_home(home) for group in groups})


def unknown_variables() -> list[str]:
    """Return the names of variables of ours that are no setting and nearly none: they have no effect."""
    return [name for name, _ in _no_settings(os.environ)]  # noqa: TID251


def _with_own_origin(settings: Settings) -> Settings:
    """Let the pages that serving itself shows send events, on whatever port it listens."""
    if "origins" in settings.collector.model_fields_set:
        return settings
    origins = tuple(f"http://{host}:{settings.serving.port}" for host in ("127.0.0.1", "localhost"))
    return settings.model_copy(update={"collector": settings.collector.model_copy(update={"origins": origins})})


def _refuse_misspelt(names: Iterable[str]) -> None:
    """Refuse a variable that is nearly a setting: it would be passed over, and the setting stay as it was."""
    for name, group in _no_settings(names):
        if meant := get_close_matches(group, _known(), 1, _LIKENESS):
            raise ConfigError(f"{name} is no setting; did you mean {_PREFIX}{meant[0]}? See docs/settings.md")


def _no_settings(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the variables of ours that are no setting, in order, each with the group it would be of."""
    known = _known()
    for name in sorted(names):
        group = name.upper().removeprefix(_PREFIX).partition("__")[0]
        if name.upper().startswith(_PREFIX) and group not in known:
            yield name, group


def _known() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def _got(error: ErrorDetails) -> str:
    """Return what was got, for a declared setting that is no secret; any other value may be one and is not shown."""
    model: object = Settings
    for part in error["loc"]:
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        model = fields[str(part)].annotation if str(part) in fields else None
    is_open = model is not None and not _may_hold_secret(model) and isinstance(error["input"], str | int | float)
    is_open = is_open and "@" not in str(error["input"])  # an address may hold a password before it
    return f" (got {error['input']!r})" if is_open else ""


def _may_hold_secret(kind: object) -> bool:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return True
    return kind is SecretStr or any(_may_hold_secret(part) for part in get_args(kind))

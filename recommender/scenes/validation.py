"""One scene file, checked field by field. In: a path. Out: a `Scene`, or one message: file, field, got, expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from civicrec.errors import InvalidInput
from civicrec.items import ITEM_TYPES
from civicrec.toml_files import one_line, read_table
from recommender.generators import DEFAULT_WEIGHTS, GENERATORS
from recommender.holdout import HELD_OUT
from recommender.ranking.rankers import RANKERS
from recommender.reranking.rerankers import RERANKERS
from recommender.scenes.experiment import Experiment
from recommender.scenes.scene import MAX_N, Scene
from recommender.scenes.shadow import Shadow

MAX_WEIGHT = 100
MAX_TITLE = 40
MAX_WORDS = 200
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_NAMES_ARE = "a-z, 0-9, - and _, beginning with a letter, at most 32"


def read_scene(path: Path) -> Scene:
    """Read a scene from ``<name>.toml``.

    Raises
    ------
    InvalidInput
        If it cannot be read or is no scene.
    """
    if not _NAME.fullmatch(path.stem):
        raise InvalidInput(f"{path}: its name is that of the scene; expected {_NAMES_ARE}, then .toml")
    return scene_of(path.stem, read_table(path, "a scene"), str(path))


def scene_of(name: str, body: Mapping[str, Any], where: str) -> Scene:
    """Return the scene that a TOML document describes; `where` begins the message when it does not."""
    _check(body, FIELDS, where, "")
    if "title" not in body:
        raise InvalidInput(f"{where}: title is missing; expected {FIELDS['title'][1]}")
    fields = _plain(body)
    scene = Scene(
        **{"name": name, "sources": dict(DEFAULT_WEIGHTS), **fields, "variants": {}, "experiment": None, "shadow": None}
    )
    variants = {}
    for variant, changes in body.get("variants", {}).items():
        _check(changes, VARIANT_FIELDS, where, f"variants.{variant}.")
        variants[variant] = replace(scene, **_plain(changes))
    return replace(
        scene,
        variants=variants,
        experiment=_experiment(scene, variants, body, where),
        shadow=_shadow(variants, body.get("shadow"), where),
    )


def _shadow(variants: Collection[str], body: Mapping[str, Any] | None, where: str) -> Shadow | None:
    """Return what runs in the shadow of a scene: a variant of it, a run's weights, or both."""
    if body is None:
        return None
    _check(body, SHADOW_FIELDS, where, "shadow.")
    shadow = Shadow(**{"share": 0.0, **body})
    if not shadow.name:
        raise InvalidInput(f"{where}: shadow names nothing; expected shadow.variant, shadow.run or both")
    if shadow.variant and shadow.variant not in variants:
        raise InvalidInput(f"{where}: shadow.variant {one_line(shadow.variant)} is no variant; {_known(variants)}")
    if "share" not in body:
        raise InvalidInput(f"{where}: shadow.share is missing; expected {SHADOW_FIELDS['share'][1]}")
    return shadow


def _known(variants: Collection[str]) -> str:
    return f"expected {', '.join(variants) or 'none; write its table [variants.NAME]'}"


def _experiment(scene: Scene, variants: Collection[str], whole: Mapping[str, Any], where: str) -> Experiment | None:
    """Return the experiment of a scene, whose shares name its variants."""
    if (body := whole.get("experiment")) is None:
        return None
    _check(body, EXPERIMENT_FIELDS, where, "experiment.")
    for name in ("name", "shares"):
        if name not in body:
            raise InvalidInput(f"{where}: experiment.{name} is missing; expected {EXPERIMENT_FIELDS[name][1]}")
    for variant in body["shares"]:
        if variant not in variants:
            raise InvalidInput(f"{where}: experiment.shares.{one_line(variant)} is no variant; {_known(variants)}")
        for field in whole["variants"][variant] if body.get("interleaved") else ():
            if field not in ORDER_FIELDS:
                raise InvalidInput(
                    f"{where}: variants.{variant}.{field} is more than an order, so lists cannot be interleaved; "
                    f"expected {', '.join(ORDER_FIELDS)}"
                )
    if not scene.personalised:
        raise InvalidInput(f"{where}: experiment in a scene that is the same for all; expected personalised = true")
    experiment = Experiment(**body)
    if experiment.start and experiment.end and experiment.end < experiment.start:
        raise InvalidInput(f"{where}: experiment.end is {experiment.end}; expected {experiment.start} or later")
    return experiment


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    fields = {field: tuple(value) if isinstance(value, list) else value for field, value in body.items()}
    if "sources" in body:
        fields["sources"] = {source: float(weight) for source, weight in body["sources"].items()}
    return fields


def _check(body: Mapping[str, Any], fields: Mapping[str, _Field], where: str, prefix: str) -> None:
    for name, value in body.items():
        if name not in fields:
            raise InvalidInput(
                f"{where}: {prefix}{one_line(name)} is no field of a scene; expected {', '.join(fields)}"
            )
        is_right, expected = fields[name]
        if not is_right(value):
            raise InvalidInput(f"{where}: {prefix}{name} is {_shown(value)}; expected {expected}")
        if name == "sources":
            for source, weight in value.items():
                if source not in GENERATORS:
                    raise InvalidInput(
                        f"{where}: {prefix}sources.{one_line(source)} is no source; expected {', '.join(GENERATORS)}"
                    )
                if not (_is_number(weight) and 0 < weight <= MAX_WEIGHT):
                    raise InvalidInput(
                        f"{where}: {prefix}sources.{source} is {_shown(weight)}; "
                        f"expected a weight above 0, up to {MAX_WEIGHT}"
                    )


def _shown(value: object) -> str:
    try:
        return one_line(repr(value))
    except (ValueError, RecursionError):  # a number of more digits than Python prints, tables in tables without end
        return f"a {type(value).__name__} too long to print"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _each_once(known: Collection[str], at_least: int = 0) -> Callable[[Any], bool]:
    def is_right(value: object) -> bool:
        if not isinstance(value, list) or not all(isinstance(one, str) and one in known for one in value):
            return False
        return at_least <= len(value) == len(set(value))

    return is_right


def _is_share(value: object) -> bool:
    return _is_number(value) and 0 <= float(value) <= 1  # type: ignore[arg-type]


def _of_types(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict) and all(name in ITEM_TYPES and is_right(one) for name, one in value.items())
    )


def _words(value: object) -> bool:
    is_list = isinstance(value, list) and len(value) <= MAX_WORDS
    return is_list and all(isinstance(one, str) and 0 < len(one) <= 200 for one in value)  # type: ignore[attr-defined]


def _is_length(value: object) -> bool:
    return _is_whole(value) and 1 <= value <= MAX_N  # type: ignore[operator]


def _are_slots(value: object) -> bool:
    return isinstance(value, list) and all(_is_whole(one) and 0 <= one < MAX_N for one in value)


_Field = tuple[Callable[[Any], bool], str]
#: What a variant may change: how lists are made, not what the place is.
VARIANT_FIELDS: dict[str, _Field] = {
    "sources": (
        lambda value: isinstance(value, dict) and len(value) > 0,
        f"a table of sources and weights, at least one of {', '.join(GENERATORS)}",
    ),
    "fallback": (_each_once(GENERATORS), f"a list, each once, of {', '.join(GENERATORS)}; [] for the newest only"),
    "ranker": (lambda value: isinstance(value, str) and value in RANKERS, f"one of {', '.join(RANKERS)}"),
    "rerankers": (_each_once(RERANKERS), f"a list, each once, of {', '.join(RERANKERS)}; [] for none"),
    "max_topic_share": (_is_share, "a number from 0 to 1"),
    "max_type_share": (_of_types(_is_share), f"a table, a number from 0 to 1 for some of {', '.join(ITEM_TYPES)}"),
    "max_issuer_share": (_is_share, "a number from 0 to 1"),
    "min_type_count": (
        _of_types(_is_length), f"a table, a whole number from 1 to {MAX_N} for some of {', '.join(ITEM_TYPES)}"
    ),
    "explore_share": (_is_share, "a number from 0 to 1"),
    "fatigue": (_is_share, "a number from 0 to 1"),
    "first_types": (_each_once(ITEM_TYPES), f"a list, each once, of {', '.join(ITEM_TYPES)}"),
    "first_themes": (_words, f"a list of at most {MAX_WORDS} texts"),
}  # fmt: skip
#: What a variant may change that is interleaved: the order of candidates, to which one scene's rules then apply.
ORDER_FIELDS = ("sources", "ranker")
#: What a shadow says of itself.
SHADOW_FIELDS: dict[str, _Field] = {
    "share": (_is_share, "a number from 0 to 1"),
    "variant": (lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)), "the name of a variant"),
    "run": (
        lambda value: isinstance(value, str) and bool(_RUN.fullmatch(value)),
        "the name of a run, as `civicrec model list` shows it",
    ),
}
#: What an experiment says of itself.
EXPERIMENT_FIELDS: dict[str, _Field] = {
    "name": (lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)), f"a text of {_NAMES_ARE}"),
    "shares": (
        lambda value: (
            isinstance(value, dict)
            and len(value) > 0
            and all(map(_is_share, value.values()))
            and sum(value.values()) <= 1 + 1e-9
        ),
        "a table of variants and shares from 0 to 1, together at most 1",
    ),
    "interleaved": (lambda value: isinstance(value, bool), "true or false"),
    "salt": (lambda value: isinstance(value, str) and len(value) <= MAX_TITLE, f"a text of at most {MAX_TITLE}"),
    "start": (lambda value: type(value) is date, "a day, as 2026-03-01 without quotes"),
    "end": (lambda value: type(value) is date, "a day, as 2026-03-31 without quotes"),
}
#: Name → whether a value may stand, and what may.
FIELDS: dict[str, _Field] = {
    "title": (
        lambda value: isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= MAX_TITLE,
        f"a text of 1 to {MAX_TITLE} characters",
    ),
    "order": (lambda value: _is_whole(value) and abs(value) <= 1_000_000, "a whole number"),
    "item_types": (_each_once(ITEM_TYPES, 1), f"a list, each once, of {', '.join(ITEM_TYPES)}"),
    "default_n": (lambda value: _is_whole(value) and 1 <= value <= MAX_N, f"a whole number from 1 to {MAX_N}"),
    "max_n": (_is_length, f"a whole number from 1 to {MAX_N}"),
    "issuers": (_words, f"a list of at most {MAX_WORDS} texts"),
    "origins": (_words, f"a list of at most {MAX_WORDS} texts"),
    "editorial_slots": (_are_slots, f"a list of whole numbers from 0 to {MAX_N - 1}"),
    "personalised": (lambda value: isinstance(value, bool), "true or false"),
    "on_item_page": (lambda value: isinstance(value, bool), "true or false"),
    **VARIANT_FIELDS,
    "variants": (
        lambda value: (
            isinstance(value, dict)
            and all(_NAME.fullmatch(name) and name != HELD_OUT and isinstance(one, dict) for name, one in value.items())
        ),
        f"a table [variants.NAME] each, NAME of {_NAMES_ARE}, and not {HELD_OUT}",
    ),
    "experiment": (lambda value: isinstance(value, dict), f"a table with {', '.join(EXPERIMENT_FIELDS)}"),
    "shadow": (lambda value: isinstance(value, dict), f"a table with {', '.join(SHADOW_FIELDS)}"),
}

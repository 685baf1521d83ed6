"""The registry of generators: every closed list of sources and reason codes is derived from it.

In: the files of `recommender.candidates`. Out: `GENERATORS`, source → generator by falling weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from recommender import candidates
from recommender.candidates.generator import Generator
from recommender.editorial import EDITORIAL_CODE
from recommender.request import ReasonCode, Source


def generators_of(package: ModuleType) -> dict[Source, Generator]:
    """Return the generators of a package: of each file that has a `GENERATOR`."""
    modules = (import_module(f"{package.__name__}.{file.name}") for file in iter_modules(package.__path__))
    return by_source(module.GENERATOR for module in modules if hasattr(module, "GENERATOR"))


def by_source(generators: Iterable[Generator]) -> dict[Source, Generator]:
    """Return source → generator by falling weight: parts of a score that are equal stand in this order.

    Raises
    ------
    ValueError
        If two have the same source.
    """
    ordered: dict[Source, Generator] = {}
    for generator in sorted(generators, key=lambda one: (-one.weight, one.source)):
        if generator.source in ordered:
            raise ValueError(f"two generators are called {generator.source!r}; expected a source of its own for each")
        ordered[generator.source] = generator
    return ordered


GENERATORS: Mapping[Source, Generator] = generators_of(candidates)
#: What a scene asks that names no sources.
DEFAULT_WEIGHTS: Mapping[Source, float] = {
    source: generator.weight for source, generator in GENERATORS.items() if generator.weight > 0
}
#: Of what fills a list, where no generator names the item: seen before, or simply more.
FILL_CODES: tuple[ReasonCode, ...] = ("seen", "more")
REASON_CODES: tuple[ReasonCode, ...] = (
    *dict.fromkeys(code for generator in GENERATORS.values() for code in generator.codes),
    EDITORIAL_CODE,
    *FILL_CODES,
)


def als_share(emphasis: float) -> float:
    """Return what ALS weighs beside item-item where a scene names no weights and the nightly run gave it emphasis."""
    return emphasis * DEFAULT_WEIGHTS["als"] / DEFAULT_WEIGHTS["item_item"]

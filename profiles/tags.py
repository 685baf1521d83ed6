"""The governed vocabulary: which tags exist, who owns each, and which may be learned from behaviour.

In: the files of `profiles/vocabulary`. Out: a frozen `Vocabulary`. A word that is not in it never becomes a tag
(算法推荐管理规定 Art. 10); a sensitive one comes from the person's own choice only (PIPL 28-30).
"""

from __future__ import annotations

import hashlib
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast

from civicrec.errors import ConfigError, InvalidInput
from civicrec.items import Item
from civicrec.tags import DIMENSIONS, Dimension, item_tags, split_tag, tag_name
from profiles.governed import Tag, read_tags


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All governed tags by name (``theme:就业创业``)."""

    tags: Mapping[str, Tag]
    _by_spelling: Mapping[tuple[str, str], str]
    _blocked: tuple[str, ...] = ()

    @property
    def inferable(self) -> frozenset[str]:
        """Names of the tags that behaviour may give to an actor."""
        return frozenset(name for name, tag in self.tags.items() if tag.inferable)

    @property
    def sensitive(self) -> frozenset[str]:
        """Names of the tags that come from a person's own word only, and that analysts do not see."""
        return frozenset(name for name, tag in self.tags.items() if tag.sensitivity == "sensitive")

    @property
    def version(self) -> str:
        """Newest version among the files."""
        return max(tag.version for tag in self.tags.values())

    def fingerprint(self) -> str:
        """Return hex digits that change with any word and with what governs it."""
        rows = [(*(str(getattr(tag, name)) for name in Tag.__slots__),) for _, tag in sorted(self.tags.items())]
        return hashlib.sha256(repr((rows, self._blocked)).encode()).hexdigest()

    def is_known(self, name: str) -> bool:
        """Say whether this tag name is governed."""
        return name in self.tags

    def tag(self, name: str) -> Tag:
        """Return the tag of this name.

        Raises
        ------
        InvalidInput
            If the vocabulary does not hold it; free text never becomes a tag, a blocked word in no vocabulary.
        """
        if name in self.tags:
            return self.tags[name]
        if blocked := self.blocked_in(name):
            raise InvalidInput(
                f"{name!r} is no tag and never becomes one: {blocked!r} is blocked (算法推荐管理规定 Art. 10)"
            )
        dimension, word = split_tag(name)
        if dimension not in DIMENSIONS:
            expected = ", ".join(f"{known}:…" for known in DIMENSIONS)
            raise InvalidInput(f"unknown tag {name!r}; expected <dimension>:<word> with one of {expected}")
        close = self.find(word)
        hint = f"; {word!r} is a word of {close[0].dimension}" if close else ""
        raise InvalidInput(f"unknown tag {name!r}: the vocabulary has no such word in {dimension}{hint}")

    def blocked_in(self, text: str) -> str:
        """Return the blocked word that a text contains, empty if there is none."""
        return next((word for word in self._blocked if _spelling(word) in _spelling(text)), "")

    def find(self, word: str, dimension: Dimension | None = None) -> tuple[Tag, ...]:
        """Return the tags this word or alias spells, in the order of `DIMENSIONS`; empty for an unknown word.

        Examples
        --------
        >>> [tag.name for tag in load_vocabulary().find("大学生")]
        ['group:高校毕业生']
        """
        dimensions = (dimension,) if dimension else DIMENSIONS
        names = (self._by_spelling.get((one, _spelling(word))) for one in dimensions)
        return tuple(self.tags[name] for name in names if name)


def learned_tags(item: Item) -> tuple[str, ...]:
    """Return the tags that interacting with an item may teach us of a person, and a reason may name.

    Only governed words that are neither sensitive nor empty of meaning (`Tag.inferable`), an alias as its word, in the
    order of the item's own (`civicrec.tags.item_tags`), each once.

    Examples
    --------
    >>> learned_tags(Item("i", "guide", "指南", person_groups=("大学生 ", "残疾人", "上访人员")))
    ('group:高校毕业生',)
    """
    vocabulary = load_vocabulary()
    words = (
        tag.name
        for dimension, word in map(split_tag, item_tags(item))
        for tag in vocabulary.find(word, cast("Dimension", dimension))
        if tag.inferable
    )
    return tuple(dict.fromkeys(words))


def _spelling(word: str) -> str:
    """Return what two ways to write a word have in common: no blanks, full-width signs as usual ones, small letters."""
    return "".join(unicodedata.normalize("NFKC", word).split()).casefold()


@cache
def load_vocabulary() -> Vocabulary:
    """Read the vocabulary that ships with the package, once per process."""
    return _shipped()


def has_changed(vocabulary: Vocabulary) -> bool:
    """Say whether the files hold another vocabulary now, or none that can be read."""
    try:
        return _shipped().fingerprint() != vocabulary.fingerprint()
    except (ConfigError, OSError, UnicodeDecodeError):
        return True


def _shipped() -> Vocabulary:
    folder = files("profiles") / "vocabulary"
    pages = sorted((page for page in folder.iterdir() if page.name.endswith(".toml")), key=lambda page: page.name)
    blocked = tomllib.loads((files("profiles") / "blocked_words.toml").read_text(encoding="utf-8"))["words"]
    return read_vocabulary(((page.name, page.read_text(encoding="utf-8")) for page in pages), blocked)


def read_vocabulary(pages: Iterable[tuple[str, str]], blocked: Iterable[str] = ()) -> Vocabulary:
    """Build a vocabulary from (file name, TOML text) pairs and the words that no word of it may contain.

    Raises
    ------
    ConfigError
        If a word stands twice, contains a blocked one, names an unknown parent, or its page is wrong (`read_tags`).
    """
    tags: dict[str, Tag] = {}
    spellings: dict[tuple[str, str], str] = {}
    vocabulary = Vocabulary(MappingProxyType(tags), MappingProxyType(spellings), tuple(blocked))
    for file_name, text in pages:
        for tag in read_tags(file_name, text):
            for spelling in (tag.word, *tag.aliases):
                if word := vocabulary.blocked_in(spelling):
                    raise ConfigError(f"{file_name}: {spelling!r} contains {word!r}, which is blocked; take it out")
                if (tag.dimension, _spelling(spelling)) in spellings:
                    raise ConfigError(f"{file_name}: {spelling!r} stands twice in {tag.dimension}; keep one")
                spellings[tag.dimension, _spelling(spelling)] = tag.name
            tags[tag.name] = tag
    for tag in tags.values():
        if tag.parent and tag_name(tag.dimension, tag.parent) not in tags:
            raise ConfigError(f"{tag.name} has the parent {tag.parent!r}, which is no word of {tag.dimension}")
    return vocabulary

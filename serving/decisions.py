"""What people decide about their own recommendations: kept in the registry for good, and obeyed by the next list.

In: an actor and a decision. Out: what holds now. Every list reads the online store, so a decision stands there, too: it
is put there first where it makes lists less personal, and once more after the registry has it, because a store that is
filled anew meanwhile is filled from the registry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from civicrec.errors import InvalidInput, Unavailable
from civicrec.registry.choices import ActorChoices, choices_of, choose_tag, delete_tag, switch
from profiles.choices import CHOSEN_WEIGHT
from profiles.governed import Tag
from profiles.online.ports import ActorState
from profiles.tags import load_vocabulary
from serving.live import Live
from serving.me import OwnTags, own_tags
from serving.registry import Registry

T = TypeVar("T")
#: What a decision costs of an address's share of lists: three writes.
LISTS_OF_A_DECISION = 5


class Decisions:
    """Takes and tells decisions.

    Every method raises `Unavailable` if a store is away; then nothing was changed, or lists are less personal than was
    asked for.
    """

    def __init__(self, live: Live, registry: Registry) -> None:
        self._live = live
        self._registry = registry

    async def of(self, actor: str) -> ActorChoices:
        """Return what a person decided."""
        return await self._registry.do(lambda engine: choices_of(engine, actor))

    async def known(self, actor: str) -> tuple[ActorChoices, ActorState]:
        """Return what a person decided, and what the online store knows of them."""
        decided = await self.of(actor)
        return decided, await self.online(lambda: self._live.store.actor(actor))

    async def tags(self, actor: str) -> OwnTags:
        """Return the tags that lists use for a person, and those deleted."""
        decided, state = await self.known(actor)
        return own_tags(state, decided, load_vocabulary(), self._live.catalogue, self._live.clock())

    async def switch(self, actor: str, *, on: bool) -> ActorChoices:
        """Switch personalisation on or off; return what holds now: without consent it stays off."""
        now = self._live.clock()
        if not on:
            await self.online(lambda: self._live.store.switch(actor, on=False))
        await self._registry.do(lambda engine: switch(engine, actor, on=on, now=now))
        return await self.obey(actor)

    async def obey(self, actor: str) -> ActorChoices:
        """Let lists go by what the registry says of the switch and of consent, until both say the same; return it."""
        decided = await self.of(actor)
        while True:
            is_on = decided.off_since is None
            await self.online(partial(self._live.store.switch, actor, on=is_on))
            decided = await self.of(actor)
            if (decided.off_since is None) == is_on:
                return decided

    async def choose(self, actor: str, tag: str) -> str:
        """Give a person a tag; return its name.

        Raises
        ------
        InvalidInput
            If it is no word of the vocabulary, or one that is declared only, or too wide to say anything.
        """
        found = load_vocabulary().tag(tag)
        if not found.inferable:
            raise InvalidInput(f"the tag {found.name!r} cannot be chosen here, it is {_why_not(found)}")
        await self._registry.do(lambda engine: choose_tag(engine, actor, found.name, self._live.clock()))
        await self.online(lambda: self._live.store.set_tag(actor, found.name, CHOSEN_WEIGHT))
        return found.name

    async def delete(self, actor: str, tag: str) -> str:
        """Take a tag from a person for good; return its name.

        Raises
        ------
        InvalidInput
            If it is no word of the vocabulary.
        """
        name = load_vocabulary().tag(tag).name
        await self.online(lambda: self._live.store.set_tag(actor, name, 0))
        await self._registry.do(lambda engine: delete_tag(engine, actor, name, self._live.clock()))
        await self.online(lambda: self._live.store.set_tag(actor, name, 0))
        return name

    async def online(self, act: Callable[[], T]) -> T:
        """Do something with the online store, within the time it has."""
        answer = await self._live.budget.read(lambda: asyncio.to_thread(lambda: (act(),)))
        if answer is None:
            raise Unavailable("the online store does not answer in time; try again in a second")
        return answer[0]


def _why_not(tag: Tag) -> str:
    if tag.sensitivity == "sensitive":
        return "sensitive: it takes a separate consent"
    return "who somebody is, no interest" if tag.kind == "declared" else "too wide to say anything"

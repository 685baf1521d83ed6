"""What runs in the shadow of a scene: asked for the same lists, and shown to nobody. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shadow:
    """Another way to make a scene's lists, tried on some of its requests after they were answered.

    Attributes
    ----------
    share
        Of the lists, drawn by request id.
    variant
        A variant of the scene, empty for the scene itself.
    run
        A nightly run whose learned weights order the candidates; empty for those in force.
    """

    share: float
    variant: str = ""
    run: str = ""

    @property
    def name(self) -> str:
        """What the log of lists calls it: the variant, the run, or both."""
        return "@".join(one for one in (self.variant, self.run) if one)

"""How many people must stand behind a figure of a crowd; fewer, and it reveals one of them."""

from __future__ import annotations

#: A figure of a report, a trend, a pair of items read together: of fewer actors than this it is not shown. A pseudonym
#: is personal data (PIPL 4, 73).
K_ANONYMITY = 10
#: From so many on a pair of items read together orders lists, which says nothing of why: nobody follows one person.
MIN_ORDERING = 2

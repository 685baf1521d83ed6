"""What is wrong in a form that a person filled in: said beside the field, which keeps what was typed."""

from __future__ import annotations


class FormError(Exception):
    """A field that cannot be taken as it stands.

    Attributes
    ----------
    field
        The id of the field on the page, which gets the focus.
    says
        What is wrong and what to do, in the person's words.
    """

    def __init__(self, field: str, says: str) -> None:
        super().__init__(f"{field}: {says}")
        self.field = field
        self.says = says

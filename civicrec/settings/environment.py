"""How settings stand in the environment: JSON, and lists of words also with commas.

In: variables. Out: values for pydantic to check.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource


class Variables(EnvSettingsSource):
    """Environment variables, where ``a,b`` is a list as ``["a", "b"]`` is."""

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """Read JSON; of a list of words also the words between commas."""
        try:
            return super().decode_complex_value(field_name, field, value)  # type: ignore[arg-type]  # none in a dict
        except ValueError:
            words = [word.strip() for word in str(value).split(",")]
            # What begins as JSON was meant to be JSON.
            if field is None or not _is_list(field.annotation) or str(value).lstrip()[:1] in tuple('[{"'):
                raise
            return [word for word in words if word]


def _is_list(kind: object) -> bool:
    return get_origin(kind) in (tuple, list, set, frozenset) or any(map(_is_list, get_args(kind)))

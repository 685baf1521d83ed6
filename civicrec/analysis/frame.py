"""A table an analyst works with: a pandas frame that knows what stands behind it.

In: an Arrow table and `About`. Out: `Frame`. What pandas makes of a frame (a selection, a sum by group) is one too.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from civicrec.analysis.about import About
from civicrec.crowds import K_ANONYMITY
from civicrec.errors import ConfigError, InvalidInput

Kind = Literal["pandas", "polars", "arrow"]

#: Columns of a query that say how many people stand behind a row.
PEOPLE = ("actors", "people", "persons", "visitors", "访客数", "人数")
#: Whole numbers that may be hidden stay whole numbers.
_WHOLE = {
    **{getattr(pa, f"int{bits}")(): getattr(pd, f"Int{bits}Dtype")() for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): getattr(pd, f"UInt{bits}Dtype")() for bits in (8, 16, 32, 64)},
}


class Frame(pd.DataFrame):  # type: ignore[misc]  # pandas carries no types
    """A pandas frame with `about`, which tells window, freshness, columns, people hidden and how to cite it."""

    _metadata = ["about"]  # noqa: RUF012  # pandas reads it from the class
    about: About | None = None

    @property
    def _constructor(self) -> type[Frame]:
        return Frame

    def to(self, kind: Kind) -> Any:
        """Return the same table as a ``pandas`` or ``polars`` frame or an ``arrow`` table.

        Raises
        ------
        InvalidInput
            If `kind` is another one.
        ConfigError
            If polars is not installed.
        """
        match kind:
            case "pandas":
                return pd.DataFrame(self)
            case "arrow":
                return pa.Table.from_pandas(pd.DataFrame(self), preserve_index=False)
            case "polars":
                try:
                    import polars
                except ImportError:
                    raise ConfigError(
                        "polars is not installed; `pip install polars`, or take pandas or arrow"
                    ) from None
                return polars.from_arrow(self.to("arrow"))
        raise InvalidInput(f"got {kind!r}; expected pandas, polars or arrow")

    def explain(self) -> pd.DataFrame:
        """Return what each column means, with its unit."""
        known = self.about.columns if self.about else {}
        meanings = [known.get(str(one), "由查询算出") for one in self.columns]
        return pd.DataFrame({"列": list(self.columns), "含义": meanings})

    def cite(self) -> str:
        """Return how to name the figures elsewhere."""
        return self.about.cite() if self.about else ""

    def chart(self) -> Any:
        """Return the chart of a report, drawn by Altair.

        Raises
        ------
        InvalidInput
            If the frame is no report.
        """
        from civicrec.analysis.charts import chart_of

        if self.about is None or self.about.report is None:
            raise InvalidInput("a query has no chart of its own; take altair.Chart(frame), or reports.….chart()")
        return chart_of(self.about.query, self.about.report)

    def _repr_html_(self) -> str:
        below = f"<p><small>{escape(self.about.footnote())}</small></p>" if self.about else ""
        return f"{pd.DataFrame(self)._repr_html_()}{below}"


def framed(table: pa.Table, about: About) -> Frame:
    """Make a frame of a table."""
    frame = Frame(table.to_pandas(types_mapper=_WHOLE.get))
    frame.about = about
    return frame


def without_few(table: pa.Table, people: Iterable[str] = PEOPLE) -> tuple[pa.Table, int]:
    """Hide the figures of rows behind which 1 to ``K_ANONYMITY - 1`` people stand; return the table and how many.

    Parameters
    ----------
    people
        Names of columns that count people; a table without any stays as it is.
    """
    counted = [one.name for one in table.schema if one.name in people and pa.types.is_integer(one.type)]
    few = pa.array([False] * table.num_rows, pa.bool_())
    for name in counted:
        column = table.column(name).combine_chunks()
        one = pc.and_(pc.greater(column, 0), pc.less(column, K_ANONYMITY))
        few = pc.or_(few, pc.fill_null(one, False))
    hidden = pc.sum(few).as_py() or 0
    if not hidden:
        return table, 0
    for place, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type):
            shown = pc.if_else(few, pa.scalar(None, field.type), table.column(place).combine_chunks())
            table = table.set_column(place, field.with_nullable(True), shown)
    return table, hidden

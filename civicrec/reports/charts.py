"""Charts of reports: one Altair specification for notebooks and console, drawn to SVG on the server.

In: a `Report`. Out: an `altair.Chart`, or the SVG text of one. Nothing is fetched: no CDN, no font download.
Importing this file loads Altair (about a second), so web handlers import it when a chart is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import altair as alt
import vl_convert

from civicrec.reports.ratios import wilson
from civicrec.reports.report import Report
from civicrec.text import printable

#: Fonts that systems in China carry, then whatever the reader's machine has; none is ever downloaded.
FONT = "Noto Sans CJK SC, Source Han Sans SC, Microsoft YaHei, PingFang SC, WenQuanYi Micro Hei, sans-serif"
BLUE, RED, GREY = "#0b4a8f", "#b3261e", "#5c6670"


def traffic_chart(report: Report, width: int = 640, height: int = 220) -> alt.LayerChart:
    """Draw events as bars and actors as a line over the periods of a traffic report."""
    rows = [row for row in report.rows() if row["events"] is not None]
    base = alt.Chart(_values(rows)).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True))
    )
    bars = base.mark_bar(color=BLUE, opacity=0.35).encode(y=alt.Y("events:Q", title="访问量（次）"))
    line = base.mark_line(color=RED, point=alt.OverlayMarkDef(color=RED)).encode(
        y=alt.Y("actors:Q", title="访客数（人）")
    )
    layers = alt.layer(bars, line).resolve_scale(y="independent")
    return _styled(layers, f"{report.title}：访问量（柱，左轴）与访客数（线，右轴）", width, height)


def items_chart(report: Report, top: int = 15, width: int = 480) -> alt.LayerChart:
    """Draw shown and clicked of the `top` most shown items."""
    # The rank keeps two items of the same shortened title apart.
    rows = [
        {"label": f"{rank}. {_short(row['title'])}", "rank": rank, "shown": row["shown"], "clicked": row["clicked"]}
        for rank, row in enumerate(report.rows(), start=1)
        if rank <= top
    ]
    base = alt.Chart(_values(rows)).encode(y=alt.Y("label:N", sort=alt.SortField("rank"), title=None))
    shown = base.mark_bar(color=BLUE, opacity=0.35).encode(x=alt.X("shown:Q", title="次数"))
    clicked = base.mark_bar(color=RED, height=8).encode(x="clicked:Q")
    title = f"展示最多的 {len(rows)} 项：展示（宽条）与点击（细条）"
    return _styled(alt.layer(shown, clicked), title, width, 24 * max(len(rows), 1))


def funnel_chart(report: Report, width: int = 480) -> alt.LayerChart:
    """Draw the actors of each step, with the number and the share of the first step written beside."""
    rows = [{**row, "rank": i, "label": _step_label(row)} for i, row in enumerate(report.rows())]
    base = alt.Chart(_values(rows)).encode(y=alt.Y("step:N", sort=alt.SortField("rank"), title=None))
    bars = base.mark_bar(color=BLUE).encode(x=alt.X("actors:Q", title="访客数（人）"))
    text = base.mark_text(align="left", dx=6, color="#1d2329").encode(x="actors:Q", text="label:N")
    return _styled(alt.layer(bars, text), report.title, width, 40 * len(rows))


def worth_chart(report: Report, width: int = 300) -> alt.LayerChart:
    """Draw the rate of either arm, outcome by outcome, with its 95 % Wilson interval."""
    rows = [
        {"label": f"{row['words']} · {words}", "arm": words, **_rate(row[arm], row[f"{arm}_people"])}
        for row in report.rows()
        for arm, words in (("recommended", "推荐组"), ("held_out", "对照组"))
        if row[f"{arm}_people"]
    ]
    colour = alt.Color("arm:N", legend=None, scale=alt.Scale(domain=["推荐组", "对照组"], range=[BLUE, GREY]))
    base = alt.Chart(_values(rows)).encode(y=alt.Y("label:N", sort=None, title=None), color=colour)
    x = alt.X("low:Q", title="做过的人数 ÷ 满期人数", axis=alt.Axis(format=".1%"), scale=alt.Scale(zero=True))
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q")
    points = base.mark_point(size=90, filled=True, opacity=1).encode(x="rate:Q")
    title = f"{report.title}：比例与 95% 置信区间"
    return _styled(alt.layer(bars, points), title, width, 30 * len(rows))


def reliability_chart(scene: str, bins: Sequence[tuple[int, float, float]], size: int = 320) -> alt.LayerChart:
    """Draw predicted and observed click probabilities of a ranker's candidates, beside the line where both are alike.

    Parameters
    ----------
    bins
        Candidates, mean predicted probability, share clicked; one with no click has no place on the scale.
    """
    rows = [{"n": n, "predicted": told, "clicked": seen} for n, told, seen in bins if told > 0 and seen > 0]
    low = min((min(row["predicted"], row["clicked"]) for row in rows), default=0.001)
    scale = alt.Scale(type="log", domain=[low / 2, 1])
    line = alt.Chart(_values([{"predicted": low / 2, "clicked": low / 2}, {"predicted": 1, "clicked": 1}]))
    x, y = alt.X("predicted:Q", title="预测概率", scale=scale), alt.Y("clicked:Q", title="实际点击率", scale=scale)
    points = alt.Chart(_values(rows)).mark_line(color=BLUE, point=alt.OverlayMarkDef(color=BLUE)).encode(x=x, y=y)
    diagonal = line.mark_line(color=GREY, strokeDash=[4, 4]).encode(x=x, y=y)
    return _styled(alt.layer(diagonal, points), f"{scene}：预测与实际（虚线为一致）", size, size)


def svg(chart: Any) -> str:
    """Draw a chart as one SVG element, with the chart's title as its name for screen readers."""
    spec = chart.to_dict()
    drawn: str = vl_convert.vegalite_to_svg(vl_spec=spec)
    name = escape(_title(spec), {'"': "&quot;"})
    return drawn[drawn.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def _rate(did: int, people: int) -> dict[str, float]:
    low, high = wilson(did, people) or (0.0, 1.0)
    return {"rate": did / people, "low": low, "high": high}


def _title(spec: dict[str, Any]) -> str:
    title = spec.get("title", "")
    return str(title["text"] if isinstance(title, dict) else title)


def _values(rows: list[dict[str, Any]]) -> alt.InlineData:
    # The native renderer aborts its process on a character that XML forbids.
    return alt.InlineData(
        values=[{k: printable(v, " ") if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    )


def _styled(chart: alt.LayerChart | alt.FacetChart, title: str, width: int, height: int) -> alt.LayerChart:
    styled: alt.LayerChart = (
        chart.properties(width=width, height=height, title=printable(title, " "), background="#ffffff")
        .configure(font=FONT)
        .configure_title(fontSize=15, anchor="start", color="#1d2329", fontWeight=600)
        .configure_axis(labelFontSize=12, titleFontSize=12, labelColor="#3b444d", titleColor=GREY, labelLimit=260)
        .configure_view(strokeWidth=0)
    )
    return styled


def _short(title: str, limit: int = 20) -> str:
    return title if len(title) <= limit else title[: limit - 1] + "…"


def _step_label(row: dict[str, Any]) -> str:
    if row["actors"] is None:
        return "人数过少，已隐藏"
    return f"{row['actors']} 人" + ("" if row["of_first"] is None else f"（{row['of_first']:.1%}）")

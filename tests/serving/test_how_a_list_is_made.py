"""The page for auditors says what `/v1/transparency` says."""

from __future__ import annotations

from pathlib import Path

from tests.serving.conftest import Api

PAGE = (Path(__file__).parents[2] / "docs/how-a-list-is-made.md").read_text()


def test_page_for_auditors_tells_the_weights_and_scenes_in_force(api: Api) -> None:
    scenes = {one["scene"]: one for one in api.get("/v1/transparency").json()["scenes"]}
    missing = [
        source["source"]
        for source in scenes["home"]["sources"]
        if f"| `{source['source']}` | {source['weight']} |" not in PAGE
    ]
    assert missing == [], "mend the table of sources"
    rows = {line.split("|")[1].strip(" `"): line for line in PAGE.splitlines() if line.startswith("| `")}
    for name, scene in scenes.items():
        share = "no limit" if scene["max_topic_share"] >= 1 else f"{scene['max_topic_share']:.0%}".replace("%", " %")
        assert f"| {scene['title']} |" in rows[name]
        assert rows[name].endswith(f"| {share} | {'yes' if scene['personalised'] else 'no'} |")

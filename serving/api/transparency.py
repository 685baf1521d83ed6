"""``GET /v1/transparency``: what recommends, from what, and how to switch it off, as it runs now.

The duty is Art. 16 of 互联网信息服务算法推荐管理规定.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request

from civicrec.clock import rfc3339
from civicrec.events import INTEREST_WEIGHTS
from civicrec.web.calls import Answer, Call, describes, refused
from profiles.online.ports import (
    DISLIKED_TTL_DAYS,
    DONE_TTL_DAYS,
    MAX_RECENT,
    MAX_SEEN,
    MAX_SHOWN,
    RECENT_TTL_DAYS,
    SEEN_TTL_DAYS,
    SHOWN_TTL_DAYS,
    SIGNED_IN_TTL_DAYS,
    TAGS_TTL_DAYS,
)
from profiles.session import IDLE_MS
from recommender.artifacts import Models
from recommender.generators import GENERATORS
from serving.live import Live
from serving.query import TOO_MANY, NoQuery, query_of
from serving.shapes import Transparency

router = APIRouter(tags=["about"])


@router.get("/v1/transparency")
@describes(
    Call(
        {200: Answer("as it runs now", Transparency), **refused(s422="an unknown parameter", s429=TOO_MANY)},
        query=NoQuery,
    )
)
async def get_transparency(request: Request) -> dict[str, Any]:
    """Say what lists are made from."""
    query_of(request, NoQuery)
    return told_of(request.app.state.live)


def told_of(live: Live) -> dict[str, Any]:
    """Return what recommends, from what, and how to switch it off, of what runs now."""
    models = live.models
    return {
        "purpose": "把政策、解读、服务和资讯推荐给可能需要的人；不用于定价、评分或限制办事",
        "rules_first": "已失效、废止、撤下、尚未生效、申报已截止或来源未获许可的内容不会被推荐",
        "scenes": [
            {
                "scene": scene.name,
                "title": scene.title,
                "personalised": scene.personalised,
                "sources": [
                    {"source": name, "weight": weight, "says": GENERATORS[name].caption}
                    for name, weight in scene.sources.items()
                ],
                "max_topic_share": scene.max_topic_share,
                "explore_share": scene.explore_share,
                "fatigue": scene.fatigue if scene.personalised else 1.0,
                "ranker": scene.ranker,
                "learned": _learned(models, scene.name) if scene.ranker == "learned" else None,
            }
            for scene in live.scenes.values()
        ],  # fmt: skip
        "data": {
            "behaviours": sorted(INTEREST_WEIGHTS),
            "needs_consent": "personalise",
            "recent_items_kept": MAX_RECENT,
            "recent_items_days": RECENT_TTL_DAYS,
            "seen_items_kept": MAX_SEEN,
            "seen_items_days": SEEN_TTL_DAYS,
            "shown_items_kept": MAX_SHOWN,
            "shown_items_days": SHOWN_TTL_DAYS,
            "session_minutes": IDLE_MS // 60_000,
            "signed_in_days": SIGNED_IN_TTL_DAYS,
            "tags_days": TAGS_TTL_DAYS,
            "dislikes_days": DISLIKED_TTL_DAYS,
            "done_services_days": DONE_TTL_DAYS,
        },
        "model": _model(models) if models else None,
        "holdout": _holdout(live.settings.serving.holdout_share),
        "filing_number": live.settings.serving.filing_number.strip(),
        "switch_off": "登录后关闭（PUT /v1/me/personalisation），或请求带 mode=general：不读取画像，下一次请求生效",
        "generated_at": rfc3339(live.clock()),
    }


def _holdout(share: float) -> dict[str, Any] | None:
    """Return what is told of visitors who are held out, ``None`` if nobody is."""
    if not share:
        return None
    return {
        "share": share,
        "says": f"随机抽取 {share * 100:.3g}% 的访客使用通用列表（抽取与其行为无关，长期不变），"
        "用于评估个性化推荐是否有效；已关闭个性化推荐的访客不参与评估，访客标为不感兴趣的内容仍不再显示",
    }


def _model(models: Models) -> dict[str, Any]:
    """Return the run in force: its day, what it was trained on, and its figures on clicks it had not seen."""
    manifest = models.manifest
    return {
        "run": models.run,
        "day": manifest.day,
        "window": msgspec.to_builtins(manifest.window),
        "offline": msgspec.to_builtins(manifest.offline),
        "decision": manifest.gate.decision if manifest.gate else None,
    }


def _learned(models: Models | None, scene: str) -> dict[str, Any] | None:
    """Return the weights a scene's ranker learned last night, and from how many clicks."""
    ranker = models.manifest.rankers.get(scene) if models else None
    return {"weights": dict(ranker.weights), "clicks": ranker.clicks} if ranker and ranker.weights else None

"""The console's pages of segments: sizes of nights, a rule in words, and no number of few people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from civicrec.registry.segments import Draft, SegmentSize, delete_segment, note_sizes, put_segment
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from profiles import tags as vocabulary_module
from profiles.rules import behaviour
from profiles.rules.behaviour import people_rule_from
from profiles.segments.words import in_words
from serving.console.segments import segments_page
from serving.console.viewer import Viewer
from tests.account_builders import EVERYBODY

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
DAY = date(2026, 3, 1)
RULE = {"all": [{"attribute": "scale", "one_of": ["小型企业"]}, {"tag": "theme:就业创业", "at_least": 1}]}
HOW: dict[str, Any] = {"who": "li", "why": "核对<b>", "now": NOW}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path)
    with registry_at(made.registry_address) as registry:
        for name, words in (("firms", "小微<企业>"), ("few", "少数"), ("new", "新建")):
            put_segment(registry, Draft(name, words, "每季度核对", "经信局", RULE, "2026.1"), **HOW)
        note_sizes(registry, DAY, [SegmentSize("firms", DAY, 1, 1_234, 57, 3, {"as_of": "2026-03-01", "tags": []})])
        second = DAY + timedelta(days=1)
        note_sizes(registry, second, [
            SegmentSize("firms", second, 1, 1_239, 13, 8, {"as_of": "2026-03-02", "attributes": ["scale"]}),
            SegmentSize("few", second, 1, 7, 7, 0),
        ])  # fmt: skip
    return made


def shown(settings: Settings, viewer: Viewer = EVERYBODY, **query: str) -> tuple[int, str]:
    made = segments_page(settings, query, NOW, viewer)
    return made.status, unescape(made.body.decode())


def test_all_segments_stand_with_their_sizes_and_no_exact_number(settings: Settings) -> None:
    status, text = shown(settings)
    assert status == 200
    for words in ("约 1,230 人", "约 10 人", "少于 10 人", "尚未统计", "2026-03-02"):
        assert words in text
    assert not any(exact in text for exact in ("1,239", "1239", ">13<", ">7<", ">8<"))
    assert "小微&lt;企业&gt;" in segments_page(settings, {}, NOW, EVERYBODY).body.decode()


def test_one_segment_tells_its_rule_in_words_its_nights_and_who_changed_it(settings: Settings) -> None:
    with registry_at(settings.registry_address) as registry:
        put_segment(registry, Draft("firms", "小微企业", "", "经信局", RULE, "2026.1"), **HOW)
    status, text = shown(settings, id="firms")
    assert status == 200
    for words in ("企业规模为小型企业，并且关注“就业创业”（权重不少于 1）", "2026-03-01", "约 50 人", "少于 10 人",
                  "填报信息 scale", "2026-03-02 11:30", "核对<b>", "新建", "修改"):  # fmt: skip
        assert words in text
    assert "核对&lt;b&gt;" in segments_page(settings, {"id": "firms"}, NOW, EVERYBODY).body.decode()


def test_a_segment_that_is_not_there_or_cannot_be_asked_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry_at(settings.registry_address) as registry:
        delete_segment(registry, "new", **HOW)
        note_sizes(registry, DAY, [SegmentSize("few", DAY, 1, None, problem="unknown tag")])
    assert shown(settings, id="new")[0] == 404
    assert "没有编号为 other 的人群" in shown(settings, id="other")[1]
    monkeypatch.setattr(behaviour, "load_vocabulary", lambda: vocabulary_module.read_vocabulary([]))
    assert "规则中有词汇表不再包含的词，无法统计" in shown(settings, id="few")[1]


def test_without_segments_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    assert "civicrec segment put" in shown(Settings(home=tmp_path))[1]


@pytest.mark.parametrize(("rule", "words"), [
    ({"seen": "first", "since": "2026-01-31"}, "首次访问不早于 2026-01-31"),
    ({"tag": "theme:就业创业"}, "关注“就业创业”"),
    ({"tag": "theme:就业创业", "at_most": 2}, "对“就业创业”的关注（权重不多于 2）"),
    ({"attribute": "region", "within": "440100"}, "所在地在 440100"),
    ({"attribute": "age", "at_least": 60}, "年龄不少于 60"),
    ({"not": {"any": [{"seen": "last", "within_days": 7}, {"attribute": "scale", "one_of": ["小型", "微型"]}]}},
     "不满足（最近一次访问在 7 天内，或者企业规模为小型企业、微型企业之一）"),
    ({"all": [{"any": [{"tag": "theme:就业创业"}, {"tag": "theme:社会保障"}]},
              {"seen": "last", "until": "2026-01-31"}]},
     "（关注“就业创业”，或者关注“社会保障”），并且最近一次访问不晚于 2026-01-31"),
    ({"count": ["read", "download"], "tags": ["theme:就业创业"], "types": ["policy"], "region": "440000",
      "issuers": ["市人社局"], "days": 30, "at_least": 3},
     "近 30 天下载、阅读主题为就业创业的440000 地区的市人社局发布的政策文件不少于 3 项"),
])  # fmt: skip
def test_a_rule_reads_as_a_sentence(rule: dict[str, Any], words: str) -> None:
    assert in_words(people_rule_from(rule)) == words

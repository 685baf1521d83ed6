"""Why people visit: groups of visitors who need the same things, in the words of the governed tags.

In: an item. Out: how much each group needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from civicrec.items import Item
from civicrec.tags import item_tags


@dataclass(frozen=True, slots=True)
class Need:
    """One group of visitors.

    Attributes
    ----------
    share
        Part of all visitors, 0..1.
    errand_share
        Part of their clicks that serves an errand; the rest is reading the news.
    tags
        Tag name → how strongly an item with it is needed, where 1 is a passing interest.
    queries
        What they type into the search box: everyday words, not official ones.
    """

    name: str
    share: float
    errand_share: float
    tags: Mapping[str, float] = field(default_factory=dict)
    queries: tuple[str, ...] = ()


#: Shares: about two visitors in five come for the news alone; the four errands are those every city portal leads with
#: (domain study: 就业创业, 教育入学, 社保医保养老, 惠企助企).
NEEDS: tuple[Need, ...] = (
    Need("general", 0.38, 0.12, {}, ("天气", "停水", "公交", "身份证", "护照")),
    Need(
        "graduates", 0.16, 0.36,
        {"group:高校毕业生": 3, "life_event:找工作": 2, "theme:就业创业": 1, "group:人才": 1, "life_event:迁居": 0.5},
        ("求职补贴", "招聘会", "青年驿站", "应届生落户", "租房补贴"),
    ),
    Need(
        "parents", 0.18, 0.36,
        {"life_event:升学": 3, "life_event:生小孩": 3, "theme:教育科研": 2, "theme:生育收养": 2, "group:儿童青少年": 1},
        ("小学报名", "学区", "育儿补贴", "新生儿医保", "积分入学"),
    ),
    Need(
        "pensioners", 0.15, 0.34,
        {"group:老年人": 3, "theme:离职退休": 2, "life_event:退休": 2, "theme:医疗卫生": 1, "theme:社会保障": 0.5},
        ("养老金", "老年卡", "慢性病报销", "高龄补贴", "社区食堂"),
    ),
    Need(
        "small firms", 0.13, 0.40,
        {"audience:企业法人": 1, "scale:小型企业": 2, "scale:微型企业": 2, "scale:个体工商户": 1, "life_event:创业": 1},
        ("贷款贴息", "企业补贴", "营业执照", "高新技术企业", "发票"),
    ),
)  # fmt: skip


def needed(item: Item, need: Need) -> float:
    """Return how strongly this group needs the item; 0 for not at all."""
    return sum(need.tags.get(tag, 0.0) for tag in item_tags(item))

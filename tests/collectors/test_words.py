"""Free text, addresses and user agents: what is taken out of them, and what is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.device import read_user_agent
from collectors.masking import masked
from collectors.referrer import referrer_type

PRIVATE = [
    ("13800138000", "[tel]"),
    ("138-0013-8000", "[tel]"),
    ("138 0013 8000", "[tel]"),
    ("+8613800138000", "[tel]"),
    ("+86 138 0013 8000", "[tel]"),
    ("１３８００１３８０００", "[tel]"),
    ("020-12345678", "[tel]"),
    ("11010519491231002X", "[id]"),
    ("110105194912310021", "[id]"),
    ("110105491231002", "[id]"),
    ("11010519491231002x", "[id]"),
    ("li.lei+x@mail.example.cn", "[mail]"),
    ("a@b.cn", "[mail]"),
    ("李雷＠例子.中国", "[mail]"),
]


@pytest.mark.parametrize(("text", "mask"), PRIVATE)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("查 ", " 的退休金"), ("电话：", "，谢谢")])
def test_personal_numbers_are_taken_out(text: str, mask: str, before: str, after: str) -> None:
    assert masked(before + text + after).endswith(mask + after)
    assert text not in masked(before + text + after)


@pytest.mark.parametrize(
    "text",
    [
        "粤府〔2024〕12号",
        "12345 热线",
        "2026年1月31日",
        "第 1234567890123456789 号",
        "12800138000",
        "a @ b",
        "0.13800138",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


@given(st.text() | st.lists(st.sampled_from([text for text, _ in PRIVATE] + [" ", "1", "@", "我"])).map("".join))
def test_masking_never_makes_a_text_longer_and_once_is_enough(text: str) -> None:
    once = masked(text)
    assert len(once) <= len(text)
    assert masked(once) == once


@pytest.mark.parametrize(
    ("referrer", "kind"),
    [
        ("", "direct"),
        ("www.gz.gov.cn", "internal"),
        ("https://www.gz.gov.cn/a", "internal"),
        ("WWW.GZ.GOV.CN", "internal"),
        ("https://www.gd.gov.cn/x?y", "government"),
        ("https://www.baidu.com/s", "search"),
        ("tieba.baidu.com", "social"),
        ("mp.weixin.qq.com", "social"),
        ("example.org", "other"),
        ("notbaidu.com", "other"),
        ("http://[", ""),
        ("/", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_referrer_is_told_as_a_type(referrer: object, kind: str) -> None:
    assert referrer_type(referrer, "www.gz.gov.cn") == kind


@given(st.text(), st.text())
def test_any_referrer_has_some_type(referrer: str, host: str) -> None:
    assert referrer_type(referrer, host) in {"", "direct", "internal", "search", "government", "social", "other"}


CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "device", "bot"),
    [
        ("", "", ""),
        (CHROME, "desktop", ""),
        (CHROME.replace("Chrome", "HeadlessChrome"), "desktop", ""),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148 Safari/604.1", "mobile", ""),
        ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) Mobile/15E148 Safari/604.1", "tablet", ""),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile Safari/537.36", "mobile", ""),
        ("Mozilla/5.0 (Linux; Android 14; SM-X710) Chrome/126.0 Safari/537.36", "tablet", ""),
        ("Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger/8.0", "mobile", ""),
        ("python-httpx/0.28.1", "desktop", ""),
        ("curl/8.5.0", "desktop", ""),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search)", "bot", "user_agent:baiduspider"),
        ("Sogou web spider/4.0", "bot", "user_agent:sogou"),
        ("Mozilla/5.0 (compatible; SomethingBot/1.0)", "bot", "user_agent:other"),
        ("CUBOT X30 Build/1 Android 11 Mobile", "mobile", ""),
    ],
)
def test_user_agent_is_told_as_a_class(user_agent: str, device: str, bot: str) -> None:
    assert read_user_agent(user_agent) == (device, bot)


@given(st.text(max_size=300))
def test_any_user_agent_has_a_short_reason(user_agent: str) -> None:
    assert len(read_user_agent(user_agent)[1]) <= 64

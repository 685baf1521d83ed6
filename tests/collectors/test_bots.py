"""Robots that say so: those of the list, those of China's search engines, and people who only look like one."""

from __future__ import annotations

import re
import time

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from collectors.facts.device import read_user_agent
from collectors.robots.declared import declared_bot, known_robots, needle

CHINESE_ROBOTS = [
    ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "baiduspider"),
    ("Mozilla/5.0 (compatible; Baiduspider-render/2.0; +http://www.baidu.com/search/spider.html)", "baiduspider"),
    ("Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", "sogou"),
    ("Mozilla/5.0 (Windows NT 10.0) Chrome/78.0 Safari/537.36; 360Spider", "360spider"),
    ("YisouSpider", "yisouspider"),
    ("Mozilla/5.0 (Linux; Android 5.0) Mobile (compatible; Bytespider; https://zhanzhang.toutiao.com/)", "bytespider"),
    ("Mozilla/5.0 (compatible; ToutiaoSpider/1.0; http://web.toutiao.com/media_cooperation/;)", "toutiaospider"),
    ("Mozilla/5.0 (Linux; Android 7.0;) (compatible; PetalBot;+https://webmaster.petalsearch.com)", "petalbot"),
    ("Mozilla/5.0 (compatible; YoudaoBot/1.0; http://www.youdao.com/help/webmaster/spider/; )", "youdaobot"),
    ("Sosospider+(+http://help.soso.com/webspider.htm)", "sosospider"),
    ("Mozilla/5.0 (Windows; U; Windows NT 5.1; zh-CN; ) Firefox/1.5.0.11; HaoSouSpider", "other"),
    ("Mozilla/5.0 (compatible; ChinasoSpider/1.0; +http://www.chinaso.com)", "other"),
    ("Mozilla/5.0 (compatible; EasouSpider; +http://www.easou.com/search/spider.html)", "other"),
]

PEOPLE = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; WOW64) Chrome/58.0 Safari/537.36 SE 2.X MetaSr 1.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) Mobile/15E148 SogouMobileBrowser/5.31.5",
    "Mozilla/5.0 (Linux; Android 10) Mobile Safari/537.36 SogouSearch Android1.0 version3.0",
    "Mozilla/5.0 (Linux; Android 10) Mobile Safari/537.36 baiduboxapp/13.9 (Baidu; P1 10)",
    "Mozilla/5.0 (Linux; Android 12; wv) Chrome/107 MQQBrowser/6.2 Mobile MicroMessenger/8.0.30 miniProgram/wx1",
    "Mozilla/5.0 (Linux; U; Android 11; zh-CN; M2012K11AC) Chrome/78.0 Quark/5.8.5 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) Chrome/99.0 HuaweiBrowser/13.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Phone; OpenHarmony 5.0) Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_4) Mobile/15E148 AliApp(DingTalk/6.5.30) AlipayClient/10.3",
    "Mozilla/5.0 (Linux; Android 12) Chrome/95 Mobile aweme_230400 NewsArticle/8.3 TTWebView/0951130",
    "Mozilla/5.0 (Linux; Android 12) Mobile Safari/537.36 Weibo (HUAWEI__weibo__12.1)",
    "Mozilla/5.0 (X11; Linux aarch64; Kylin) Gecko/20100101 Firefox/91.0",
    "CUBOT X30 Build/1 Android 11 Mobile",
]

PROGRAMS = [
    "python-httpx/0.28.1", "python-requests/2.32", "curl/8.5.0", "Go-http-client/1.1", "okhttp/4.9", "Java/17",
    "Apache-HttpClient/5.1 (Java/17)", "axios/1.6", "Mozilla/5.0 (X11; Linux x86_64) HeadlessSafari/537.36",
]  # fmt: skip


@pytest.mark.parametrize(("user_agent", "name"), CHINESE_ROBOTS, ids=[name for _, name in CHINESE_ROBOTS])
def test_chinese_crawler_is_known_by_name(user_agent: str, name: str) -> None:
    assert read_user_agent(user_agent) == ("bot", f"user_agent:{name}")


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_person_with_any_browser_of_the_country_is_no_robot(user_agent: str) -> None:
    assert declared_bot(user_agent) == ""


@pytest.mark.parametrize("user_agent", PROGRAMS)
def test_program_that_a_portal_may_send_with_is_no_robot(user_agent: str) -> None:
    assert declared_bot(user_agent) == ""


def test_every_example_of_the_list_is_recognised() -> None:
    programs = {"http-library", "browser-automation"}
    examples = [
        example
        for entry in CRAWLER_USER_AGENTS_DATA
        if not programs & set(entry["tags"])
        for example in entry["instances"]
    ]
    assert len(examples) > 1_500
    assert [example for example in examples if not declared_bot(example)] == []


def test_text_looked_for_first_is_in_every_agent_that_the_pattern_finds() -> None:
    examples = [example for entry in CRAWLER_USER_AGENTS_DATA for example in entry["instances"]]
    for wanted, pattern, _ in known_robots():
        assert all(wanted in example for example in examples if pattern.search(example))
    assert sum(len(wanted) < 3 for wanted, _, _ in known_robots()) < 20


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("ab+c", "ab"), ("abc?d", "ab"), ("abcx*", "abc"), (r"a\.b\/c", "a.b/c"), (r"\bab\d+", "ab"), ("ab{0,2}cd", "cd"),
     ("^abc$", "abc"), ("a(b(c)d)ef", "ef"), ("ab|cd", ""), ("[ab]c", "c")],
)  # fmt: skip
def test_text_that_a_pattern_cannot_do_without(pattern: str, text: str) -> None:
    assert needle(pattern) == text


def test_agent_made_of_robots_names_costs_little_either() -> None:
    declared_bot(PEOPLE[0])
    began = time.process_time()
    for n in range(20):
        declared_bot(("bot" * 169)[:506] + f"{n:06}")
        declared_bot(("android silk" * 50)[:506] + f"{n:06}")
    assert (time.process_time() - began) / 40 < 0.005


def test_looking_at_a_person_costs_little_even_without_a_cache() -> None:
    declared_bot(PEOPLE[0])
    began = time.process_time()
    for user_agent in PEOPLE:
        declared_bot(user_agent)
    assert (time.process_time() - began) / len(PEOPLE) < 0.01  # 0.4 ms; one group a robot in the pattern made it 95


def test_reasons_are_short_words_of_the_list() -> None:
    for entry in CRAWLER_USER_AGENTS_DATA:
        for example in entry["instances"][:1]:
            assert re.fullmatch(r"(user_agent:[a-z0-9_]{1,40})?", declared_bot(example))


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_client_can_put_words_into_a_reason(name: str) -> None:
    assert read_user_agent(f"zqx{name}zqxbot/1.0")[1].find("zqx") == -1

"""Free text, addresses and user agents: what is taken out of them, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.facts import masking
from collectors.facts.device import read_user_agent
from collectors.facts.masking import are_clean, masked, masked_code
from collectors.facts.personal_numbers import CODE_KINDS, DIGITS, NUMBER_KINDS, NumberKind
from collectors.facts.referrer import referrer_type

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
    ("AB123456(7)", "[id]"),
]
#: The same as people also write them.
WRITTEN = [
    *[(text, "[tel]") for text in ("138001 38000", "138 00 13 80 00")],
    *[(f"6222{gap}0212{gap}3456{gap}7890{gap}123", "[card]") for gap in "./_"],
    ("zhang at example dot com", "[mail]"),
    *[(f"138{gap}0013{gap}8000", "[tel]") for gap in [*"./_–—－·\u200b\u3000+~", "  ", " - "]],
    *[(f"138{gap}0013{gap}8000", "[tel]") for gap in [*",，、;；:：|*#'=。…", ", ", " / ", "***"]],
    *[(number, "[tel]") for number in (
        "139、1234、5678",  "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0",
        "138 001 38000", "1380 013 8000", "1380-0138-000", "138-00138000", "1 3 8 0 0 1 3 8 0 0 0", "(138) 0013-8000",
        "013800138000", "8613800138000", "0086-13800138000", "(+86)13800138000", "＋８６１３８００１３８０００",
        "一三八零零一三八零零零", "①③⑧⓪⓪①③⑧⓪⓪⓪", "١٣٨٠٠١٣٨٠٠٠", "01062345678", "075586543210", "(010)62345678",
        "（０１０）６２３４５６７８", "0755-8654-3210", "+86-10-62345678", "+852 9123 4567", "00852 9123 4567",
        "+886 912 345 678", "+1 (212) 555-0100", "一三八 零零一三 八零零零", "一三八○○一三八○○○",
    )],
    *[(number, "[id]") for number in (
        "110105 19491231 002X", "110105-1949-1231-002X", "１１０１０５４９１２３１００２", "1101 0519 4912 3100 2X",
        "110105,19491231,002X", "110105、1949、12、31、002X", "110105|19491231|002x", "110105，1949-12-31，0021",
        "E12345678", "EA1234567", "h12345678", "T12345678", "wxid_abcd1234efgh", "QQ号：123456789", "QQ号码 123456789",
    )],
    *[(number, "[card]") for number in ("6222021234567890123", "6222 0212 3456 7890", "4111-1111-1111-1111")],
    *[(number, "[car]") for number in ("京A12345", "粤B·D12345", "沪ad12345",
                                      "京 A12345", "川A-12345", "沪A1234警", "粤Z1234港")],
    *[(name, "[mail]") for name in ("zhang @ example.com", "zhang(at)mail.cn", "zhang%40example.com", "zhang@mail",
                                      "zhang﹫example.com", "zhang[at]example[dot]com", "zhang @ example . com")],
    ("eyJhbGciOiJIUzI1NiJ9.e30.abc", "[key]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "mask"), PRIVATE + WRITTEN)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("查 ", " 的退休金"), ("电话：", "，谢谢")])
def test_personal_numbers_are_taken_out(text: str, mask: str, before: str, after: str) -> None:
    assert masked(before + text + after).endswith(mask + after)
    assert text not in masked(before + text + after)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("护照 E 12345678 换发", "护照 [id] 换发"),
        ("台胞证号：12345678", "台胞证号：[id]"),
        ("查 https://a.gov.cn/x?jsessionid=6F1C0A7B&id=7", "查 https://a.gov.cn/x?jsessionid=[key]&id=7"),
        ("access_token=abc12345 打不开", "access_token=[key] 打不开"),
        ("password：Secret123 不对", "password：[key] 不对"),
        ("我的密码是 Abc12345", "我的密码是 [key]"),
        ("token: 6f1c0a7b", "token: [key]"),
        ("打 138&nbsp;0013&nbsp;8000 问", "打 [tel] 问"),
        ("写 zhang&#64;example.com", "写 [mail]"),
        ("&#49;&#51;&#56;00138000", "[tel]"),
        ("&#" + "9" * 5_000 + ";", "&#" + "*" * 5_000 + ";"),
    ],
)
def test_what_the_words_before_it_tell_is_taken_out_after_them(text: str, clean: str) -> None:
    assert masked(text) == clean


OTHER_NUMBERS = [
    "密码：8位以上字母",
    "验证码是多少",
    "password: at least 8 characters",
    "meet at noon",
    "13 80 01 38 00 0",
    "粤府〔2024〕12号",
    "国办发〔2026〕21号",
    "12345 热线",
    "400-810-1234",
    "2026年1月31日",
    "2026-11-28",
    "2026/11/28 08:30:00",
    "20261128083000",
    "1949-2009",
    "第 1234567890123456789 号",
    "12345678901234567X",
    "20261128123456789",
    "12800138000",
    "医保缴费 180、2000、4000 三档",
    "自 138、1998、2008 号文",
    "1,380,013 户",
    "110,105,194,912,310,021 元",
    "138,0013,80001",
    "110105,19491331,0021",
    "京B2-12345678",
    "社保 2026 年",
    "a=b",
    "a @ b",
    "政务@你",
    "0.13800138",
    "增长 13.5% 至 1 380 万元",
    "京ICP备12345678号",
    "粤B2-20090059",
    "91110000600037341L",
    "11440000006939756B2440101007000",
    "1144000072510722722440105008004",
    "114400007251072272244010500800101",
    "11440100007483180K344010900201801",
    "000014349/2026-00012",
    "2311-440106-04-01-123456",
    "GB/T 2260-2007",
    "G15 沈海高速",
    "E20231128",
    "Windows 10.0.19045.3693",
]


@pytest.mark.parametrize("text", OTHER_NUMBERS)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text", ["15000000000元", "合同额 13800138000.00 元", "预算18000000000亿元", "13800138000.5亿"]
)
def test_an_amount_of_money_is_nobodys_telephone(text: str) -> None:
    assert masked(text) == text
    assert masked("13800138000 万女士") == "[tel] 万女士"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/u/13800138000/11010519491231002X/a@b.cn", "/u/[tel]/[id]/[mail]"),
        ("case-110101199003070011", "case-[id]"),
        ("TEL13800138000.html", "TEL[tel].html"),
        ("tel138-0013-8000", "tel[tel]"),
        ("138%200013%208000", "[tel]"),
        ("138\u200b0013\u200b8000", "[tel]"),
        ("case\u200b-110101\u20601990\u200b03070011", "case-[id]"),
        ("a\u200bb", "a\u200bb"),
        ("/u/zhang&#64;example.com", "/u/[mail]"),
        ("case-%31%33%38%30%30%31%33%38%30%30%30", "case-[tel]"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.e30.abc", "/reset/[key]"),
        ("/１３８００１３８０００", "/[tel]"),
    ],
)
def test_personal_numbers_are_taken_out_of_paths_and_ids(text: str, clean: str) -> None:
    assert masked_code(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        *OTHER_NUMBERS[:-4],
        "/zwgk/202311/t20231128_1234567.html",
        "/art/155/2023/1128/art_0155_86543210.html",
        "/art/2023/11/28/art_130_2023_1128.html",
        "P020231128123456789.pdf",
        "E12345678",
        "6222021234567890123",
        "44012345678",
        "150-2023-1128",
        "0198c0de-1380-7013-8000-a13800138000",
        "a13800138000bcde",
    ],
)
def test_codes_in_paths_and_ids_stay(text: str) -> None:
    assert masked_code(text) == text


@given(st.lists(st.sampled_from(["policy-1", "/u/13800138000", "a@b.cn", "", "110101199003070011"]) | st.text()))
def test_ids_are_clean_when_masking_leaves_each_as_it_is(ids: list[str]) -> None:
    assert are_clean(tuple(ids)) == all(masked_code(text) == text for text in ids)


@given(st.text())
def test_masking_never_makes_a_text_longer(text: str) -> None:
    assert len(masked(text)) <= len(text)
    assert len(masked_code(text)) <= len(text)


@given(
    st.lists(
        st.sampled_from([text for text, _ in PRIVATE + WRITTEN] + ["1", "@", "我", "token=abcdefg", "sessionid=abcd"])
    ).map("，".join)
)
def test_masking_once_is_enough(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_text_of_nothing_but_signs_of_numbers_loses_them_all() -> None:
    assert masked("1380013" * 40) == "*" * 280
    assert masked("年 2026 " * 25) == "年 2026 " * 25


PIECES = [
    "a",
    "1",
    ".",
    "@",
    "-",
    " ",
    "%",
    "(",
    "+",
    "0",
    "6",
    "E",
    "京",
    "一",
    "138",
    "1949",
    "62",
    "eyJ",
    "QQ",
    "%40",
    "(at)",
    "=",
    "token=",
    "护照",
    "[dot]",
]


@pytest.mark.parametrize("kind", dict.fromkeys([*NUMBER_KINDS, *CODE_KINDS]), ids=lambda kind: kind.label)
@given(data=st.data())
def test_a_text_with_a_number_has_what_its_kind_is_known_by(kind: NumberKind, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(kind.pattern))
    if kind.pattern.search(text):
        assert len(DIGITS.findall(text)) >= kind.n_digits
        assert not kind.words or any(word in text.lower() for word in kind.words)


@pytest.mark.parametrize("mask", [masked, masked_code])
@pytest.mark.parametrize("unit", ["[at]", "( at )", "%ff", "@", " at ", "+", "政", "a"])
def test_a_text_costs_no_look_at_kinds_that_cannot_stand_in_it(
    monkeypatch: pytest.MonkeyPatch, mask: Callable[[str], str], unit: str
) -> None:
    looked_for: list[str] = []
    plain = masking._without
    monkeypatch.setattr(masking, "_without", lambda kind, *texts: looked_for.append(kind.label) or plain(kind, *texts))
    mask(unit * 500)
    assert set(looked_for) <= ({"mail"} if "@" in unit else set())


@pytest.mark.parametrize("mask", [masked, masked_code])
@pytest.mark.parametrize(("one", "two"), [(one, two) for n, one in enumerate(PIECES) for two in PIECES[n:]])
def test_twice_the_text_takes_about_twice_the_time(mask: Callable[[str], str], one: str, two: str) -> None:
    short, long = ((one + two) * 4_000)[:2_000], ((one + two) * 16_000)[:16_000]
    # Eight times the text: a quadratic pattern would take 64 times as long.
    assert any(least_time(mask, long, 1) < 20 * max(least_time(mask, short, 5), 20e-6) for _ in range(5))


def least_time(mask: Callable[[str], str], text: str, times: int) -> float:
    took = []
    for _ in range(times):
        began = process_time()
        mask(text)
        took.append(process_time() - began)
    return min(took)


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
        ("http://www.云澜市.政务/a", "government"),
        ("http://www.xn--9kq598ahjn.xn--zfr164b/a", "government"),
        ("https://爱心.公益", "government"),
        ("https://servicewechat.com/wx1/1/page-frame.html", "social"),
        ("android-app://com.tencent.mm/", "social"),
        ("android-app://com.sina.weibo", "social"),
        ("ANDROID-APP://com.baidu.searchbox/", "search"),
        ("android-app://com.example.mm", "other"),
        ("http://10.1.2.3/oa/", "other"),
        ("https://www.gz.gov.cn。/", "other"),
        ("https://" + "a" * 30_000, "other"),
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

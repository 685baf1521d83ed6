"""RSS, Atom and sitemaps as portals write them, and as nobody should."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.polling.documents import read_document
from civicrec.polling.encodings import text_of
from civicrec.polling.entries import addresses_in, rows_of_feed
from civicrec.polling.feed_file import Feed

FEED = Feed(url="https://www.example.gov.cn/rss.xml")
BASE = "https://www.example.gov.cn/col/rss.xml"


def rows(text: str, feed: Feed = FEED) -> list[tuple[int, dict[str, object]]]:
    return [
        (line, {name: value for name, value in row.items() if value})
        for line, row in rows_of_feed(read_document(text, 100), feed, BASE)
    ]


RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
     xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>政务公开</title><link>https://www.example.gov.cn/</link>
<image><title>logo</title><url>a.png</url></image>
<item>
  <media:title>图片标题</media:title>
  <title>关于&nbsp;&lt;公积金&gt;的通知 A&B</title>
  <link>../art/2026/1/31/t1.html?a=1&b=2</link>
  <guid isPermaLink="false">71</guid>
  <category>政策文件</category><category><![CDATA[公积金]]></category>
  <dc:date>2026-01-31</dc:date><dc:creator>市住建局</dc:creator>
  <description><![CDATA[<p>为进一步做好</p>]]></description>
  <content:encoded><![CDATA[<p>为进一步做好公积金工作</p>]]></content:encoded>
</item>
<item><title>第二条</title><guid>https://www.example.gov.cn/2.html</guid><author>a@example.gov.cn (甲)</author></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><id>urn:feed</id>
<entry><title type="html">办事&amp;nbsp;指南</title><id>tag:example.gov.cn,2026:1</id>
<link rel="self" href="/self"/><link href="/1.html"/><link rel="enclosure" href="/1.pdf"/>
<updated>2026-02-01T08:00:00+08:00</updated><category term="guide" label="办事指南"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>第一段</p><p>第二段</p></div></content>
<author><name>市政务局</name></author></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>t</title></channel>
<item rdf:about="/1"><title>标题</title><link>/1.html</link><dc:date>2026-01-31T08:00:00+08:00</dc:date></item>
</rdf:RDF>"""


def test_entries_of_rss_are_read_with_their_lines() -> None:
    first, second = rows(RSS)
    assert first == (6, {
        "title": "关于\xa0<公积金>的通知 A&B", "url": "https://www.example.gov.cn/art/2026/1/31/t1.html?a=1&b=2",
        "guid": "www.example.gov.cn 71", "published": "2026-01-31", "summary": "<p>为进一步做好</p>",
        "body": "<p>为进一步做好公积金工作</p>", "source": "市住建局",
        "column": ["政策文件", "公积金"], "item_type": "news",
    })  # fmt: skip
    assert second[1]["url"] == "https://www.example.gov.cn/2.html"
    assert "source" not in second[1]


def test_entries_of_atom_and_of_rdf_are_read() -> None:
    [(_, atom)] = rows(ATOM, Feed(url=FEED.url, types={"办事指南": "guide"}, issuer="市政府", theme=("教育",)))
    assert atom == {
        "title": "办事&nbsp;指南", "url": "https://www.example.gov.cn/1.html",
        "guid": "www.example.gov.cn tag:example.gov.cn,2026:1", "published": "2026-02-01T08:00:00+08:00",
        "updated": "2026-02-01T08:00:00+08:00", "body": "第一段 第二段", "source": "市政务局", "column": ["办事指南"],
        "item_type": "guide", "issuer": "市政府", "theme": ["教育"],
    }  # fmt: skip
    [(line, rdf)] = rows(RDF)
    assert (line, rdf["title"], rdf["url"], rdf["published"]) == (
        3, "标题", "https://www.example.gov.cn/1.html", "2026-01-31T08:00:00+08:00"
    )  # fmt: skip


@pytest.mark.parametrize(
    "space", ["http://www.sitemaps.org/schemas/sitemap/0.9", "http://www.google.com/schemas/sitemap/0.84", ""]
)
def test_addresses_of_a_sitemap_are_read_each_once(space: str) -> None:
    text = (
        f'<urlset xmlns="{space}" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">\n'
        "<url><loc> https://www.example.gov.cn/政务/1.html </loc><lastmod>2026-01-31</lastmod>"
        "<image:image><image:loc>/a.png</image:loc></image:image></url>\n"
        "<url><loc>/2.html</loc></url>\n<url><loc>https://www.example.gov.cn/2.html</loc></url></urlset>"
    )
    document = read_document(text, 100)
    assert document.kind == "sitemap"
    assert addresses_in(document, BASE) == {
        "https://www.example.gov.cn/政务/1.html": (2, "2026-01-31"),
        "https://www.example.gov.cn/2.html": (3, ""),
    }
    index = read_document("<sitemapindex><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>", 100)
    assert (index.kind, list(addresses_in(index, BASE))) == ("index", ["https://www.example.gov.cn/a.xml"])


BILLION = (
    '<!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {x} "{f"&{y};" * 10}">' for x, y in zip("bcdefghi", "abcdefgh", strict=True))
    + "]><rss><item><title>&i;</title></item></rss>"
)
ENTITY = "<rss><item><title>&x;</title></item></rss>"
DTD = "a document type"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BILLION, DTD),
        (f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>{ENTITY}', DTD),
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><rss/>', DTD),
        ('<?xml version="1.0"?><!-- <rss> --><!DOCTYPE r [<!ENTITY % p SYSTEM "file:///a">%p;]><rss/>', DTD),
        ("<!DOCTYPE html><html><head></head><body>登录</body></html>", "a page of HTML, as a login page"),
        ("<html><body><br></body></html>", "a page of HTML"),
        ("<html/>", "it begins as <html>"),
        ("", "no XML"),
        ("{}", "no XML"),
        ("<rss><item><title>断", "no XML"),
        ("<rss><item></rss>", "line 1"),
        ("<rss>\n\n<item><title></item></rss>", "line 3"),
        ("<opml><outline/></opml>", "it begins as <opml>"),
        ("<rss>" + "<item/>" * 101 + "</rss>", "more than 100 entries"),
        (f"<rss><item><title>{'长' * (1 << 20 | 1)}</title></item></rss>", "a field of more than"),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_told_in_one_line(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as told:
        read_document(text, 100)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300


def test_entities_nobody_declared_do_not_stop_a_feed_nor_grow_it() -> None:
    [(_, row)] = rows("<rss><item><title>&mdash;&h;&#0;&#11;&#x4e2d;&amp;&lt;&#60;&copy</title></item></rss>")
    assert row["title"] == "—&h;  中&<<&copy"


@pytest.mark.parametrize(
    "deep", ["<a>" * 200_000, "<rss><item>" + "<title>" * 200_000, "<rss>" + "<channel>" * 200_000]
)
def test_depth_and_many_attributes_cost_no_more_than_their_length(deep: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInput):
        read_document(deep, 100)
    with pytest.raises(InvalidInput):
        read_document("<rss " + " ".join(f'a{n}="1"' for n in range(100_000)) + "><item>", 100)
    assert time.monotonic() - began < 20


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_feed_or_is_told_why_not(text: str) -> None:
    for whole in (text, f"<rss><item><title>{text}</title></item></rss>", f"<urlset><url><loc>{text}"):
        try:
            document = read_document(whole, 100)
        except InvalidInput:
            continue
        list(rows_of_feed(document, FEED, BASE))
        addresses_in(document, BASE)


WORDS = (
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co", "Cf", "Zl", "Zp")), min_size=1)
    .map(str.strip)
    .filter(bool)
)


@settings(deadline=None)
@given(
    st.lists(WORDS, min_size=1, max_size=8), st.sampled_from(["utf-8", "utf-16", "gb18030", "utf-8-sig"]), st.booleans()
)
def test_titles_written_by_another_program_are_read_as_they_were(
    titles: list[str], encoding: str, declared: bool
) -> None:
    root = ElementTree.Element("rss")
    for title in titles:
        ElementTree.SubElement(ElementTree.SubElement(root, "item"), "title").text = title
    text = ElementTree.tostring(root, encoding="unicode")
    if declared and encoding != "utf-8-sig":
        text = f'<?xml version="1.0" encoding="{encoding}"?>{text}'
    body = text.encode(encoding)
    read = [row["title"] for _, row in rows(text_of(body, "" if declared else encoding))]
    expected = [ElementTree.fromstring(f"<a>{t.replace('&', '&amp;').replace('<', '&lt;')}</a>").text for t in titles]
    assert read == [(one or "").strip() for one in expected]


@pytest.mark.parametrize(
    ("declared", "charset", "sent"),
    [("gb2312", "", "gbk"), ("gbk", "utf-8", "gb18030"), ("utf-8", "gbk", "utf-8"), ("", "", "gbk"),
     ("", "gb2312", "gbk"), ("utf-8", "", "gb18030"), ("iso-8859-1", "", "utf-8"), ("", "iso-8859-1", "gbk"),
     ("nonsense", "x", "utf-8"), ("big5", "", "big5"), ("utf-8", "", "utf-8")],
)  # fmt: skip
def test_chinese_is_read_in_whatever_encoding_it_came(declared: str, charset: str, sent: str) -> None:
    words = "關於公積金的通知" if sent == "big5" else "关于公积金的通知，共计12项"
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    body = f"{head}<rss><item><title>{words}</title></item></rss>".encode(sent)
    [(_, row)] = rows(text_of(body, charset))
    assert row["title"] == words


@given(st.binary(), st.text(max_size=20))
def test_any_bytes_are_some_text(body: bytes, charset: str) -> None:
    assert isinstance(text_of(body, charset), str)

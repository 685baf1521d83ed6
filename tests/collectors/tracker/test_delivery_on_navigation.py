"""A visitor walks from page to page: every page's view, click and own event arrive once, in two browsers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.collectors.tracker.firefox import FIREFOX, NO_FIREFOX, Firefox, open_firefox
from tests.collectors.tracker.site import Site, arrive_once
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]

#: Each page clicks its own link to the next, at a moment that differs from page to page. The last one plays that half a
#: minute has passed, so that it takes up what the pages before left behind, and says when nothing is left. The driver
#: is asked nothing meanwhile: in a page that goes away under the question it may wait for minutes.
WALK = """
const at = Number(location.pathname.split('/')[2]), last = {last};
const isQueued = () => Object.keys({area}).some((key) => key.startsWith('civicrec.q.'));
addEventListener('load', () => setTimeout(() => {{
  civicrec('event', 'favourite', {{item_id: 'own-' + at}});
  if (at < last) return document.querySelector('a').click();
  const real = Date.now;
  Date.now = () => real() + 30000;
  dispatchEvent(new Event('online'));
  setInterval(() => {{ if (!isQueued()) new Image().src = location.pathname + '/done'; }}, 200);
}}, at % 7 * 5));
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if not FIREFOX:
        pytest.skip(NO_FIREFOX)
    with open_firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture(params=["chromium", "firefox"])
def any_browser(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def walk(browser: Any, site: Site, last: int, consent: str) -> None:
    area = "localStorage" if consent == "personalise" else "sessionStorage"
    asked: list[str] = []

    def made(path: str) -> str:
        asked.append(path)
        at = int(path.split("/")[2])
        return (
            f"<!doctype html><title>{at}</title><script>{WALK.format(last=last, area=area)}</script>"
            f'{site.tag(consent=consent)}<a href="/p/{at + 1}" data-civicrec-item="link-{at}">next</a>'
        )

    site.made = made
    browser.get(f"{site.url}/p/0")
    wait_for(lambda: f"/p/{last}/done" in asked, 100 + last * 0.6, f"{last} navigations and an empty queue")


@pytest.mark.parametrize(("consent", "last"), [("personalise", 60), ("measure", 20)])
def test_navigations_lose_and_double_nothing(any_browser: Any, site: Site, consent: str, last: int) -> None:
    walk(any_browser, site, last, consent)
    assert_all_arrived_once(site, last)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_navigations_lose_and_double_nothing(any_browser: Any, site: Site) -> None:
    walk(any_browser, site, 1000, "personalise")
    assert_all_arrived_once(site, 1000)


def assert_all_arrived_once(site: Site, last: int) -> None:
    told = [event for event in site.events() if event.kind in ("page_view", "favourite", "click")]
    assert arrive_once(told)
    assert Counter((event.kind, event.url_path) for event in told) == Counter(
        {
            **{("page_view", f"/p/{n}"): 1 for n in range(last + 1)},
            **{("favourite", f"/p/{n}"): 1 for n in range(last + 1)},
            **{("click", f"/p/{n}"): 1 for n in range(last)},
        }
    )
    assert sum(event.props.get("dropped", 0) for event in site.events()) == 0
    assert len({event.anonymous_id for event in told}) == 1
    assert len({event.session_id for event in told}) == 1

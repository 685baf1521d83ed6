"""Every page people use, in every state it has: WCAG 2.1 AA by axe, the width of a telephone, the keyboard alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys as Key
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait

from civicrec.clock import utc_now
from civicrec.erasure import Person, Step
from civicrec.home import DEMO
from civicrec.permissions import may
from civicrec.registry.accounts import FIRST_NAME, account_named, add_account
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.complaints import list_complaints, receive
from civicrec.registry.erasures import finish_erasure, note_step, request_erasure
from civicrec.registry.first_account import ensure_first_account, first_password
from civicrec.registry.segments import Draft, SegmentSize, note_sizes, put_segment
from civicrec.registry.suggested_tags import suggest
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from operations.demo.catalogue import demo_items
from serving.console.viewer import PAGES
from tests.account_builders import PASSWORD, an_account
from tests.collectors.tracker.conftest import CHROMIUM, DRIVER, NO_CHROMIUM, open_chromium
from tests.e2e.browsers import ChromiumTab, wcag_faults
from tests.running import RunningStack, free_ports, running_stack, settings_on_free_ports, wait_for
from tests.services.openid_provider import a_provider

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER and shutil.which("npm")), reason=NO_CHROMIUM),
]
WIDTHS = (1280, 390)
SETTINGS = "/portal/settings"
UNREADABLE = Path(__file__).with_name("unreadable.js").read_text()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The demo's portal and console, with something on every page."""
    home = tmp_path_factory.mktemp("city")
    settings = settings_on_free_ports(home)
    DEMO.of(home).touch()
    with registry_at(settings.registry_address) as registry:
        items = demo_items(utc_now())
        upsert_items(registry, items)
        suggest(registry, {item.item_id: {"theme:就业创业": 0.8} for item in items[:3]}, utc_now())
        for due in (utc_now().date(), utc_now().date().replace(year=2020)):
            receive(registry, "demo", "recommendation", "", "推荐的政策已过期", due, utc_now())
        rule, today = {"seen": "last", "within_days": 30}, utc_now().date()
        draft = Draft("recent", "近期访问", "每季度核对", "办公室", rule, "2026.1")
        put_segment(registry, draft, who="li", why="核对", now=utc_now())
        note_sizes(registry, today, [SegmentSize("recent", today, 1, 57, lineage={"as_of": today.isoformat()})])
    env = {
        "CIVICREC_COLLECTOR__ORIGINS": json.dumps([f"http://127.0.0.1:{settings.serving.port}"]),
        "CIVICREC_CONSENT__NOTICE_VERSION": "2026-1",
    }
    with a_provider(free_ports(1)[0]) as provider:
        oidc = provider.settings(f"http://127.0.0.1:{settings.serving.port}/console")
        env |= {f"CIVICREC_OIDC__{name.upper()}": value for name, value in oidc.items() if name != "roles"}
        env["CIVICREC_OIDC__ROLES"] = json.dumps(oidc["roles"])
        with running_stack(home, settings=settings, env=env) as stack:
            yield stack


@dataclass
class Visit:
    """A browser on the pages of one stack."""

    stack: RunningStack
    driver: webdriver.Chrome

    def open(self, path: str) -> None:
        self.driver.get(f"{self.stack.serving_url}{path}")

    def press(self, css: str) -> None:
        self.leave(lambda: self.driver.execute_script("arguments[0].click()", self.one(css)))

    def leave(self, act: Callable[[], object]) -> None:
        """Do what leads to another page, and wait for it."""
        left = self.driver.find_element(By.TAG_NAME, "html")
        act()
        # Chromium may say in other words that a page is gone, just as it goes.
        WebDriverWait(self.driver, 30, ignored_exceptions=[WebDriverException]).until(staleness_of(left))
        WebDriverWait(self.driver, 30).until(
            lambda driver: driver.execute_script("return document.readyState") == "complete"
        )

    def one(self, css: str) -> webdriver.remote.webelement.WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def form(self, attribute: str) -> str:
        """Return the selector of the form of an attribute."""
        return f'section[aria-labelledby="{attribute}-title"] > form'

    def declare(self, attribute: str, *values: str, consent: bool = False) -> None:
        form = self.form(attribute)
        for field in self.driver.find_elements(By.CSS_SELECTOR, f"{form} [name=value]"):
            if field.get_attribute("type") == "checkbox":
                if (field.get_attribute("value") in values) != field.is_selected():
                    field.click()
            elif field.tag_name == "select":
                Select(field).select_by_visible_text(values[0])
            else:
                field.clear()
                field.send_keys(*values)
        if consent:
            self.one(f"{form} [name=consent]").click()
        self.press(f"{form} button[value=save]")

    def check(self, state: str) -> None:
        """Hold the page as it stands against WCAG and the width of the screen."""
        tab = ChromiumTab(self.driver)
        for width in WIDTHS:
            tab.set_width(width)
            assert wcag_faults(tab) == [], f"{state} at {width}"
            wide = self.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{state} is {wide} wide at {width}"

    @property
    def focused(self) -> str:
        return str(self.driver.execute_script("return document.activeElement.id"))


@pytest.fixture
def visit(city: RunningStack, tmp_path: Path) -> Iterator[Visit]:
    driver = open_chromium(tmp_path)
    ChromiumTab(driver).set_width(1280)
    yield Visit(city, driver)
    driver.quit()


def test_my_settings_in_every_state(visit: Visit) -> None:
    visit.open(SETTINGS)
    visit.check("a stranger")
    visit.press(".consent button[value=personalise]")
    visit.open(SETTINGS)
    visit.check("agreed, no tag yet")
    visit.open(f"/portal/sign-in?next={SETTINGS}")
    visit.check("signing in")
    visit.press("button[value=person]")
    visit.check("signed in, nothing said")
    visit.declare("audience", "自然人")
    assert "已保存" in visit.driver.switch_to.active_element.text  # what was done has the focus, and is read first
    visit.declare("age", "40")
    visit.declare("groups", "残疾人")
    assert visit.focused == "groups-consent"
    visit.check("a sensitive word without consent")
    visit.declare("groups", "残疾人", consent=True)
    visit.declare("groups", "老年人")
    assert visit.focused == "groups"
    visit.check("two that contradict each other")
    visit.declare("age", "六十")
    assert visit.focused == "age"
    visit.check("no number")
    visit.declare("age", "41")
    Select(visit.one("form.add select")).select_by_value("theme:住房保障")
    visit.press("form.add button")
    visit.press('form[action$="/pushes"] #topic + button')
    visit.press('form[action$="/consents"] button[value=agree]')
    visit.press('form[action$="/consents"] button[value=withdraw]')
    visit.press('form[action$="/consents"] button[value=agree]')
    visit.driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    visit.check("tags, consents and history, all unfolded")
    visit.press("form[action$='/mode'] button")
    visit.check("switched off")
    visit.open(f"{SETTINGS}/erase")
    visit.check("asked before erasure")
    visit.driver.execute_script("document.querySelector('#confirm').required = false")
    visit.press("button.grave")
    assert visit.focused == "confirm"
    visit.check("not sure about erasure")
    visit.one("#confirm").click()
    visit.press("button.grave")
    visit.check("erasure asked for")

    def is_under_way() -> bool:
        visit.open(SETTINGS)
        return bool(visit.driver.find_elements(By.CSS_SELECTOR, "section.receipt tbody tr"))

    wait_for(is_under_way, 60, "the first store")
    visit.check("erasure under way")
    erased(visit.stack, "demo-firm")
    visit.press("form[action$='/sign-out'] button")
    visit.open(f"/portal/sign-in?next={SETTINGS}")
    visit.press("button[value=firm]")
    assert "已删除" in visit.one("section.receipt h4").text
    visit.one("section.receipt summary").click()
    visit.check("erased, with receipt")
    visit.one("#complaint-text").send_keys(" ")
    visit.press("form[method=post][action$='/complaints'] button")
    assert visit.focused == "complaint-text"
    visit.check("a complaint without words")
    visit.one("#complaint-text").send_keys("推荐的政策已过期")
    visit.press("form[method=post][action$='/complaints'] button")
    visit.check("a receipt")
    visit.open(f"{SETTINGS}/complaints?receipt=NONE")
    assert visit.focused == "receipt"
    visit.check("no such receipt")
    visit.open(SETTINGS)
    visit.press("button[name=elder]")
    visit.check("large type")
    visit.open(f"{SETTINGS}/erase")
    visit.check("asked before erasure, large type")


def erased(stack: RunningStack, user: str) -> None:
    """Enter a request of a user as it stands when all is done: old parts of a warehouse go after minutes only."""
    keys, now = load_keys(stack.settings), utc_now()
    person = Person("demo", keys.subject_id("demo", user), ())
    with registry_at(stack.settings.registry_address) as registry:
        name, digests = keys.audit_name(person.subject_id), [keys.erased_digest("nobody's")]
        one = request_erasure(registry, person, name, digests, due=now.date(), by="subject", why="", now=now)
        note_step(registry, one.number, "event log", Step(12, 0))
        finish_erasure(registry, one.number, keys.sign_receipt("demo", {"stores": {"event log": [12, 0]}}), now)


@pytest.mark.parametrize("elder", [False, True])
def test_the_other_pages_of_the_portal(visit: Visit, elder: bool) -> None:
    visit.open("/portal/")
    if elder:
        visit.press("button[name=elder]")
    visit.check("home of a stranger")
    visit.press(".consent button[value=personalise]")
    item = visit.one("[data-civicrec-type=service]").get_attribute("data-civicrec-item")
    paths = ("", "about", "lists/policy", "lists/nothing", f"items/{item}", "items/nothing", f"apply/{item}")
    for path in (*paths, "settings"):
        visit.open(f"/portal/{path}")
        visit.check(path)
        assert visit.driver.execute_script(UNREADABLE) == [], path  # line height among it


def test_every_page_of_the_console(visit: Visit) -> None:
    visit.open("/console/")
    visit.check("sign-in")
    visit.one("[name=name]").send_keys(FIRST_NAME)
    visit.one("[name=password]").send_keys("wrong")
    visit.press("form button")
    visit.check("a wrong password")
    enter(visit)
    links = [one.get_attribute("href") or "" for one in visit.driver.find_elements(By.CSS_SELECTOR, "nav a")]
    paths = [link.removeprefix(visit.stack.serving_url) for link in links]
    assert set(PAGES) <= set(paths)
    for path in paths:
        visit.open(path)
        visit.check(path)
    visit.open("/console/segments?id=recent")
    visit.check("a segment")
    visit.open("/console/complaints")
    with registry_at(visit.stack.settings.registry_address) as registry:
        assert len(list_complaints(registry)) >= 2
    visit.driver.execute_script("document.querySelectorAll('[required]').forEach((one) => { one.required = false; })")
    visit.press("main form button")
    visit.check("an answer without words")


def test_accounts_in_every_state(visit: Visit) -> None:
    enter(visit)
    visit.open("/console/users")
    visit.one("[name=name]").send_keys("wang.fang")
    visit.one("[name=display_name]").send_keys("王芳")
    visit.press("form[aria-labelledby=add-heading] button")
    visit.check("an account without a role")
    visit.one("[name=role][value=editor]").click()
    visit.press("form[aria-labelledby=add-heading] button")
    visit.check("a password that is told once")
    once = visit.one(".told code").text
    visit.driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    visit.check("accounts with what can be changed")
    visit.press("header form button")
    enter(visit, "wang.fang", once)
    visit.check("a password that must be changed")
    for field, typed in (("password", once), ("new", "short-but-long"), ("again", "something-else")):
        visit.one(f"[name={field}]").send_keys(typed)
    visit.press("button[value=password]")
    visit.check("two passwords that differ")
    for field, typed in (("password", once), ("new", PASSWORD), ("again", PASSWORD)):
        visit.one(f"[name={field}]").send_keys(typed)
    visit.press("button[value=password]")
    visit.check("signed out by another password")
    enter(visit, "wang.fang", PASSWORD)
    visit.open("/console/users")
    visit.check("a page that is not open to an editor")
    assert "没有查看此页" in visit.one("[role=alert]").text


def test_signing_in_and_out_by_keyboard_alone_and_without_scripts(visit: Visit) -> None:
    with registry_at(visit.stack.settings.registry_address) as registry:
        ensure_first_account(registry, visit.stack.settings, utc_now())
        add_account(registry, an_account("keyboard", ["analyst"], utc_now()), who="test")
    visit.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    visit.open("/console/worth")
    keys = ActionChains(visit.driver)
    keys.send_keys("keyboard", Key.TAB, PASSWORD, Key.ENTER).perform()  # the first field has the focus
    WebDriverWait(visit.driver, 60).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, "header nav a"))
    assert visit.driver.current_url.endswith("/console/worth")
    cookie = visit.driver.get_cookie("civicrec_console")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console/")
    links = [one.text for one in visit.driver.find_elements(By.CSS_SELECTOR, "header nav a")]
    open_to_analysts = [words for words, resource in PAGES.values() if may(["analyst"], resource, "see")]
    assert links == [*open_to_analysts, "起始页"]
    assert not {"用户", "投诉", "标签建议"} & set(links)
    visit.one("header form button").send_keys(Key.ENTER)
    WebDriverWait(visit.driver, 60).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, "[name=password]"))
    assert visit.driver.get_cookie("civicrec_console") is None


def test_signing_in_through_the_provider_of_the_portal(visit: Visit) -> None:
    visit.open("/console/tags")
    visit.driver.execute_script("arguments[0].click()", visit.one(".outside a"))
    WebDriverWait(visit.driver, 60).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, "header nav a"))
    assert visit.driver.current_url == f"{visit.stack.serving_url}/console/tags"
    assert "李明" in visit.one("header").text
    visit.open("/console/account")
    visit.check("an account of the provider")
    assert not visit.driver.find_elements(By.CSS_SELECTOR, "[name=new]")
    with registry_at(visit.stack.settings.registry_address) as registry:
        assert account_named(registry, "li.ming").roles == ("editor",)


def enter(visit: Visit, name: str = FIRST_NAME, password: str = "") -> None:
    """Sign in to the console."""
    visit.open("/console/")
    visit.one("[name=name]").clear()
    visit.one("[name=name]").send_keys(name)
    visit.one("[name=password]").send_keys(password or first_password(visit.stack.settings))
    visit.press("form button")


REACHABLE = """
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((one) => one.getClientRects().length && !one.closest("details:not([open]) > :not(summary)"))
  .map((one) => one.outerHTML.slice(0, 90));
"""
FOCUSED = "return document.activeElement === document.body ? '' : document.activeElement.outerHTML.slice(0, 90)"


def test_my_settings_by_keyboard_alone(visit: Visit) -> None:
    visit.open(SETTINGS)
    keys = ActionChains(visit.driver)
    expected = visit.driver.execute_script(REACHABLE)
    reached = []
    for _ in expected:
        keys.send_keys(Key.TAB).perform()
        reached.append(visit.driver.execute_script(FOCUSED))
    assert reached == expected  # in the order of the page, each once, nothing that holds the focus

    def to(css: str) -> None:
        """Go to a control as a keyboard does."""
        visit.driver.execute_script("document.activeElement.blur(); getSelection().removeAllRanges()")
        for _ in range(120):
            keys.send_keys(Key.TAB).perform()
            if visit.driver.execute_script("return document.activeElement.matches(arguments[0])", css):
                return
        raise AssertionError(f"Tab does not reach {css}")

    visit.open(SETTINGS)
    to(".skip")
    assert visit.one(".skip").is_displayed()
    keys.send_keys(Key.ENTER).perform()
    assert visit.focused == "main"
    to(".consent button[value=personalise]")
    visit.leave(lambda: keys.send_keys(Key.SPACE).perform())
    to("a[href^='/portal/sign-in']")
    visit.leave(lambda: keys.send_keys(Key.ENTER).perform())
    to("button[value=firm]")
    visit.leave(lambda: keys.send_keys(Key.ENTER).perform())
    to("#audience")
    while visit.driver.execute_script("return document.activeElement.value") != "企业法人":
        keys.send_keys(Key.ARROW_DOWN).perform()
    to("button[value=save]")
    visit.leave(lambda: keys.send_keys(Key.ENTER).perform())
    to("#qualification [name=value]")
    keys.send_keys(Key.SPACE).perform()
    assert visit.driver.execute_script("return document.activeElement.checked")
    keys.send_keys(Key.ESCAPE).perform()
    assert visit.driver.execute_script("return document.activeElement.checked")  # Escape takes nothing away
    to("section[aria-labelledby=qualification-title] button[value=save]")
    visit.leave(lambda: keys.send_keys(Key.SPACE).perform())
    assert "已保存" in visit.driver.switch_to.active_element.text
    to("section[aria-labelledby=qualification-title] summary")
    keys.send_keys(Key.ENTER).perform()
    assert visit.one("section[aria-labelledby=qualification-title] details").get_attribute("open") is not None


@pytest.mark.parametrize("elder", [False, True])
def test_my_settings_at_twice_the_type_and_on_paper(visit: Visit, elder: bool) -> None:
    visit.open(SETTINGS)
    if elder:
        visit.press("button[name=elder]")
    visit.driver.execute_script("document.documentElement.style.fontSize = '200%'")
    assert visit.driver.execute_script("return document.documentElement.scrollWidth") <= 1280
    visit.driver.execute_script("document.documentElement.style.fontSize = ''")
    visit.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return [...document.querySelectorAll(arguments[0])].some((one) => one.getClientRects().length)"
    assert visit.driver.execute_script(shown, "main h1, main h2")
    assert not visit.driver.execute_script(shown, "nav.main, footer.site, main form, .skip, .tools")

"""What readers do, in Chromium: find a call, read it, follow a lock, switch the theme, see what is stale."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sites import CONF, Site, build, edit, jobs

selenium = pytest.importorskip("selenium", reason="`make docs` installs the extra `docs`")
pytest.importorskip("furo", reason="`make docs` installs the extra `docs`")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SECONDS = 20
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
pytestmark = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs Debian's packages chromium and chromium-driver"),
    pytest.mark.timeout(300),
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The address of a site while it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site.out)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def address(whole: Site) -> Iterator[str]:
    """Where the site of this repository is."""
    with served(whole) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One window."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING"})
    found = Chrome(options=options, service=ChromeService(executable_path=str(DRIVER)))
    found.set_page_load_timeout(SECONDS)
    yield found
    found.quit()


def search(browser: Chrome, address: str, text: str) -> None:
    """Type a text into the search field of the front page, as a reader does."""
    browser.get(f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.sidebar-search")
    field.send_keys(text, Keys.ENTER)
    WebDriverWait(browser, SECONDS).until(lambda page: "search.html" in page.current_url)


def click(browser: Chrome, element: WebElement) -> None:
    """Bring it to the middle of the window first, where nothing lies over it."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    element.click()


def first_hit(browser: Chrome) -> str:
    """The address of the first exact hit."""
    WebDriverWait(browser, SECONDS).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".hf-hits a"))
    return str(browser.find_element(By.CSS_SELECTOR, ".hf-hits a").get_attribute("href"))


def test_find_a_call_by_number_and_read_its_results(browser: Chrome, address: str) -> None:
    search(browser, address, "0xff08")
    assert first_hit(browser).endswith("/reference/calls/mailbox_clear.html#mailbox_clear")
    click(browser, browser.find_element(By.CSS_SELECTOR, ".hf-hits a"))
    WebDriverWait(browser, SECONDS).until(lambda page: page.find_elements(By.CSS_SELECTOR, "table.hf-results"))
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "table.hf-results tbody tr")]
    assert len(rows) == 5
    said = "-1 A message has arrived but the VM has not received it yet. unread ● proved"
    assert " ".join(rows[0].split()) == said
    assert " ".join(rows[3].split()).startswith("1 The primary VM wakes the waiters itself")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("HF_MAILBOX_CLEAR", "/reference/calls/mailbox_clear.html#mailbox_clear"),
        ("mailbox_clear", "/reference/calls/mailbox_clear.html#mailbox_clear"),
        ("-1", "/reference/results.html#result--1"),
        ("hf703", "/reference/diagnostics.html#HF703"),
    ],
)
def test_words_that_a_splitter_loses_are_found(browser: Chrome, address: str, text: str, page: str) -> None:
    search(browser, address, text)
    assert first_hit(browser).endswith(page)


def test_the_ordinary_search_goes_on_beside_it(browser: Chrome, address: str) -> None:
    search(browser, address, "mailbox_clear")
    WebDriverWait(browser, SECONDS).until(
        lambda page: page.find_elements(By.CSS_SELECTOR, "#search-results ul.search li")
    )


def test_follow_a_lock_to_all_its_users(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/calls/mailbox_clear.html")
    click(browser, browser.find_element(By.CSS_SELECTOR, "table.hf-protocol a[href$='#vm.lock']"))
    WebDriverWait(browser, SECONDS).until(lambda page: page.current_url.endswith("/reference/locks.html#vm.lock"))
    section = browser.find_element(By.ID, "vm.lock").find_element(By.XPATH, "./ancestor::section[1]")
    users = {link.text for link in section.find_elements(By.CSS_SELECTOR, "table tbody td:first-child a")}
    assert {"mailbox_clear", "mailbox_send", "mailbox_receive", "vcpu_run", "vm_configure"} <= users
    click(browser, section.find_element(By.LINK_TEXT, "mailbox_send"))
    WebDriverWait(browser, SECONDS).until(lambda page: "/reference/calls/mailbox_send.html" in page.current_url)


def answer_to_an_empty_mailbox(browser: Chrome) -> str:
    """What the page says."""
    rows = browser.find_elements(By.CSS_SELECTOR, "table.hf-results tbody tr")
    return next(row.text.split()[0] for row in rows if "already_empty" in row.text)


def test_switch_the_revision_with_the_keyboard(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/calls/mailbox_clear.html#results")
    assert answer_to_an_empty_mailbox(browser) == "0"
    other = browser.find_element(By.CSS_SELECTOR, ".hf-switch a[data-revision=R3]")
    other.send_keys(Keys.ENTER)
    WebDriverWait(browser, SECONDS).until(lambda page: page.current_url.endswith("R3/calls/mailbox_clear.html#results"))
    assert answer_to_an_empty_mailbox(browser) == "-1"
    current = browser.find_element(By.CSS_SELECTOR, ".hf-switch [aria-current=page]")
    assert current.text == "R3"
    browser.find_element(By.CSS_SELECTOR, ".hf-switch a[data-revision=R4]").send_keys(Keys.ENTER)
    WebDriverWait(browser, SECONDS).until(lambda page: "/as-of/" not in page.current_url)
    assert answer_to_an_empty_mailbox(browser) == "0"


def test_a_revision_in_the_address(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/calls/mailbox_clear.html?rev=R3#cases")
    WebDriverWait(browser, SECONDS).until(lambda page: page.current_url.endswith("R3/calls/mailbox_clear.html#cases"))


def test_revisions_and_their_switch_need_no_script(browser: Chrome, address: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{address}/reference/calls/mailbox_clear.html")
        browser.find_element(By.CSS_SELECTOR, ".hf-switch a[data-revision=R3]").click()
        WebDriverWait(browser, SECONDS).until(lambda page: "/as-of/R3/" in page.current_url)
        assert answer_to_an_empty_mailbox(browser) == "-1"
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_switch_the_theme(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/calls/mailbox_clear.html")

    def colours() -> tuple[str, str]:
        body = browser.find_element(By.TAG_NAME, "body")
        mark = browser.find_element(By.CSS_SELECTOR, ".hf-proved .hf-sign")
        return body.value_of_css_property("background-color"), mark.value_of_css_property("color")

    seen = {colours()}
    for _ in range(2):
        button = browser.find_element(By.CSS_SELECTOR, ".content-icon-container .theme-toggle")
        browser.execute_script("arguments[0].click()", button)
        seen.add(colours())
    assert len(seen) == 2
    assert len({background for background, _ in seen}) == len({mark for _, mark in seen}) == 2


@pytest.mark.timeout(900)
def test_on_a_phone_no_page_scrolls_sideways_fails_or_asks_another_host(
    browser: Chrome, address: str, whole: Site
) -> None:
    size = {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    asked = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        pages = sorted(path.relative_to(whole.out).as_posix() for path in whole.out.rglob("*.html"))
        assert len(pages) > 150
        for page in pages:
            browser.get(f"{address}/{page}")
            wide, loaded = (
                browser.execute_script("return document.documentElement.scrollWidth"),
                browser.execute_script(asked),
            )
            assert wide <= 375, f"{page}: {wide}"
            assert loaded, page
            assert [name for name in loaded if not name.startswith((address, "data:"))] == [], page
            assert [entry["message"] for entry in browser.get_log("browser")] == [], page
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_there_is_the_page_alone(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/calls/mailbox_clear.html")
    browser.execute_script("document.body.dataset.theme = 'dark'")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 700, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        for away in (".sidebar-drawer", ".toc-drawer", ".mobile-header", ".related-pages", ".headerlink"):
            assert [e for e in browser.find_elements(By.CSS_SELECTOR, away) if e.is_displayed()] == [], away
        assert browser.find_element(By.CSS_SELECTOR, ".hf-switch").text.split("\n") == ["As of revision", "R4"]
        body = browser.find_element(By.TAG_NAME, "body")
        assert body.value_of_css_property("background-color") == "rgba(255, 255, 255, 1)"
        assert body.value_of_css_property("color") == "rgba(0, 0, 0, 1)"
        columns = browser.find_elements(By.CSS_SELECTOR, "table.hf-evidence thead th")
        assert [column.text for column in columns if column.is_displayed()] == [
            "obligation",
            "asks that",
            "status",
            "how",
            "steps",
        ]
        clipped = "[...arguments].filter(e => getComputedStyle(e).overflowX !== 'visible').length"
        inside = browser.find_elements(By.CSS_SELECTOR, "article :is(.table-wrapper, pre)")
        assert browser.execute_script(f"return {clipped}", *inside) == 0
        assert "● proved" in browser.find_element(By.CSS_SELECTOR, "table.hf-results").text
        for card in browser.find_elements(By.CSS_SELECTOR, ".hf-card"):
            assert card.value_of_css_property("break-inside").startswith("avoid")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_is_needed_is_reached_with_the_keyboard(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/reference/index.html")
    browser.find_element(By.CSS_SELECTOR, "table.hf-index tbody a").send_keys("")
    focused = browser.switch_to.active_element
    assert focused.text == "vm_get_id"
    focused.send_keys(Keys.ENTER)
    WebDriverWait(browser, SECONDS).until(lambda page: "/calls/vm_get_id.html" in page.current_url)


def test_a_fake_edit_makes_every_mark_stale(browser: Chrome, tmp_path: Path) -> None:
    site = build(jobs(tmp_path, conf=CONF.replace("basic", "furo")))

    def marks() -> set[str]:
        return {mark.text for mark in browser.find_elements(By.CSS_SELECTOR, ".hf-mark")}

    with served(site) as address:
        browser.get(f"{address}/reference/calls/submit.html")
        WebDriverWait(browser, SECONDS).until(lambda _: marks() == {"● proved"})
        edit(site.subject / "spec" / "jobs.hfs", "/// There is no such queue.", "/// No queue has this number.")
        build(site)
        browser.get(f"{address}/reference/calls/submit.html?again")
        WebDriverWait(browser, SECONDS).until(lambda _: marks() == {"◌ stale"})
        assert "changed since the ledger was written" in browser.find_element(By.CSS_SELECTOR, ".hf-banner").text
        assert "No queue has this number." in browser.find_element(By.CSS_SELECTOR, "table.hf-results").text

from collections import defaultdict
from pathlib import Path

import pytest

OVERLAPS = (Path(__file__).parent / "overlaps.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def free_pages():
    """Empty pages that no test uses, by their options: to make one takes half a second."""
    free = defaultdict(list)
    yield free
    for pages in free.values():
        for page in pages:
            page.context.close()


@pytest.fixture
def open_page(browser, free_pages):
    """Open a page; at the end, nothing may have been complained of, and nothing asked of the network."""
    problems, pages = [], []
    listeners = {
        "console": lambda message: problems.append(message.text),
        "pageerror": lambda error: problems.append(str(error)),
        "request": lambda request: problems.append(request.url) if not request.is_navigation_request() else None,
    }

    def opened(path, address="", **options):
        options = {"viewport": {"width": 1200, "height": 1500}} | options
        free = free_pages[str(options)]
        page = free.pop() if free else browser.new_context(**options).new_page()
        pages.append((page, free))
        page.set_viewport_size(options["viewport"])
        for event, listener in listeners.items():
            page.on(event, listener)
        page.goto(path.absolute().as_uri() + address)
        page.evaluate("window.explorer?.ready")
        return page

    yield opened
    for page, free in pages:
        page.goto("about:blank")
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        free.append(page)
    ours = "willReadFrequently"  # a remark on how these tests read the canvases
    own = ("data:", "blob:")
    assert [problem for problem in problems if not problem.startswith(own) and ours not in problem] == []


@pytest.fixture
def page(browser):
    """A page in the browser, of which nothing may be complained, and that asks nothing of the network."""
    page, problems = browser.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    yield page
    page.close()
    assert problems == []


@pytest.fixture
def overlaps():
    """Return what covers what on a page, and what is wider than the window."""
    return lambda page: page.evaluate(OVERLAPS)

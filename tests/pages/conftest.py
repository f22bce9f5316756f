from pathlib import Path

import pytest

OVERLAPS = (Path(__file__).parent / "overlaps.js").read_text(encoding="utf-8")


@pytest.fixture
def open_page(browser):
    """Open a page; at the end, nothing may have been complained of, and nothing asked of the network."""
    problems, pages = [], []

    def opened(path, address="", **options):
        options = {"viewport": {"width": 1200, "height": 1500}} | options
        page = browser.new_context(**options).new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request", lambda request: problems.append(request.url) if not request.is_navigation_request() else None
        )
        page.goto(path.absolute().as_uri() + address)
        page.evaluate("window.explorer?.ready")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
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

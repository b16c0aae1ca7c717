"""The report in a real browser: no page complains, asks elsewhere, or shuts anybody out.

Needs Chromium and axe-core-python (extra `dev`).
"""

from __future__ import annotations

import pytest

from bondsig_assets.reporting.site.make import make_site
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

_PAGES = ("index", "issuers", "record", "data", "issuer")
_MEASURE = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def site(full_home, tmp_path_factory) -> dict[str, str]:
    """Address of each kind of page."""
    folder = tmp_path_factory.mktemp("report") / "site"
    make_site(Warehouse(full_home.path), full_home, None, folder)
    files = {name: folder / f"{name}.html" for name in _PAGES[:-1]}
    files["issuer"] = sorted((folder / "issuers").iterdir())[0]
    return {name: file.as_uri() for name, file in files.items()}


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", _PAGES)
def test_every_page_opens_without_a_complaint_or_a_request_elsewhere(
    browser, site, name, width, is_dark
):
    browser.open(site[name], width, is_dark=is_dark)
    assert browser.complaints() == []
    assert all(one.startswith(("file://", "data:")) for one in browser.requests())
    across, room = browser.ask(_MEASURE)
    assert across <= room, "the page itself scrolls sideways"
    charts, drawn = browser.ask(
        "[document.querySelectorAll('[data-chart]').length,"
        " [...document.querySelectorAll('canvas')].filter(one => one.width > 200 &&"
        " one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(byte => byte))"
        ".length]"
    )
    assert charts == drawn and (charts > 0 or name == "issuers")


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", _PAGES)
def test_axe_finds_nothing_serious(browser, site, name, is_dark):
    from axe_core_python.base import AXE_SCRIPT

    browser.open(site[name], 1280, is_dark=is_dark)
    browser.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    browser.ask(AXE_SCRIPT + ";true")
    found = browser.ask(
        "axe.run().then(all => [all.passes.length, all.violations.map(one => [one.impact, one.id,"
        " one.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)])])"
    )
    n_passes, violations = found
    assert n_passes > 20
    assert [one for one in violations if one[0] in ("serious", "critical")] == []


def test_axe_would_find_something(browser, site):
    """The judge above is awake."""
    from axe_core_python.base import AXE_SCRIPT

    browser.open(site["index"])
    browser.ask("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x>')")
    browser.ask(AXE_SCRIPT + ";true")
    found = browser.ask("axe.run().then(all => all.violations.map(one => one.id))")
    assert "image-alt" in found


def test_tables_sort_and_filter(browser, site):
    browser.open(site["issuers"])
    column = (
        "[...document.querySelectorAll('tbody tr')].map(row => row.cells[3].dataset.v)"
        ".filter(value => value !== '').map(Number)"
    )
    press = "[...document.querySelectorAll('th button')][3].click()"
    browser.ask(press)
    down = browser.ask(column)
    browser.ask(press)
    up = browser.ask(column)
    assert down == sorted(down, reverse=True) and up == sorted(up) and len(up) > 10
    assert browser.ask("document.querySelectorAll('th')[3].ariaSort") == "ascending"
    word = browser.ask("document.querySelector('tbody td').textContent")
    browser.ask(
        "(input => { input.value = '" + word + "'; input.dispatchEvent(new Event('input')); })"
        "(document.querySelector('.filter input'))"
    )
    shown = browser.ask(
        "[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.textContent)"
    )
    assert shown and all(word in row for row in shown) and len(shown) < len(up)


def test_a_keyboard_is_enough(browser, site):
    """The first stop leads to the content; a head of a table and the SQL answer to Enter."""
    browser.open(site["index"])
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.className") == "skip"
    assert browser.ask("document.activeElement.getBoundingClientRect().left >= 0")
    browser.ask("document.querySelector('th button').focus()")
    browser.press("Enter", 13, "\r")
    sorted_by = "document.querySelector('th:has(button)').ariaSort"
    assert browser.ask(sorted_by) in ("ascending", "descending")
    browser.ask("document.querySelector('summary').focus()")
    browser.press("Enter", 13, "\r")
    assert browser.ask("document.querySelector('details').open")


def test_charts_zoom_together(browser, site):
    browser.open(site["issuer"])
    before = browser.ask("document.querySelectorAll('.range button').length")
    assert before >= 2
    ends = "[...document.querySelectorAll('canvas')].map(one => one.toDataURL().length)"
    whole = browser.ask(ends)
    browser.ask("document.querySelector('.range button').click()")
    near = browser.ask(f"new Promise(done => setTimeout(() => done({ends}), 200))")
    assert len(near) > 2 and all(one != other for one, other in zip(whole, near, strict=True))


def test_sql_is_copied_with_a_click(browser, site):
    browser.open(site["index"])
    told = browser.ask(
        "new Promise(done => { let held = ''; Object.defineProperty(navigator, 'clipboard',"
        " {value: {writeText: async text => { held = text; }}});"
        " document.querySelector('button.copy').click(); setTimeout(() => done([held,"
        " document.querySelector('pre code').textContent,"
        " document.querySelector('button.copy').textContent]), 100); })"
    )
    assert told[0] == told[1] != "" and told[2] == "Copied"


def test_it_prints(browser, site, tmp_path):
    for name in ("index", "issuer"):
        browser.open(site[name], is_dark=True)
        browser.paper(tmp_path / f"{name}.pdf")
        assert (tmp_path / f"{name}.pdf").stat().st_size > 20_000

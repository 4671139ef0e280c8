"""The HTML page fits a telephone, works without a mouse, and long names do not break it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ..support.forkserver import ForkServer
from ..support.odd_values import odd_project
from ..support.postgresql import unavailable

_WIDTH = 390
_MEASURE = """<script>
const width = document.documentElement.clientWidth, wide = [];
for (const each of document.querySelectorAll("main *")) {
  const box = each.closest(".scroll");
  if ((!box || box === each) && each.getBoundingClientRect().right > width + 1)
    wide.push(each.tagName);
}
const high = Math.max(...Array.from(document.querySelectorAll("h1"), x => x.offsetWidth));
document.title = `page ${document.documentElement.scrollWidth} of ${width}; ` +
  `heading ${high}; beyond: ${wide.join(" ") || "nothing"}`;
</script></body>"""
_FRAME = """<iframe id="f" src="page.html" style="width: {}px; height: 900px"></iframe>
<script>onload = () => {{ document.title = f.contentDocument.title }}</script>"""


@pytest.fixture
def page(
    pytester: pytest.Pytester, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The page of a run with a tenant name of 300 characters and many kinds of drift."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    project = odd_project(pytester, fork_server)
    project.run(f"--tenants=acme,{'t' * 300}")
    return project.path / "reports" / "latest" / "cab-report.html"


class Outline(HTMLParser):
    """Positions of the tables and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.outside: list[str] = []  # tables outside a region that the keyboard can focus
        self.labels: list[str] = []
        self.beyond_main: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a start tag."""
        named = dict(attrs)
        if tag in ("h1", "h2", "h3", "p", "table") and "main" not in dict(self.open):
            self.beyond_main.add(tag)
        if tag == "div" and named.get("class") == "scroll":
            self.labels.append(str(named.get("aria-label")))
        if tag == "table" and not self._is_reached(*self.open[-1]):
            self.outside.append(str(self.getpos()))
        if tag not in ("meta", "br"):
            self.open.append((tag, named))

    def handle_endtag(self, tag: str) -> None:
        """Require that tags are closed in order."""
        assert self.open.pop()[0] == tag

    @staticmethod
    def _is_reached(tag: str, attrs: dict[str, str | None]) -> bool:
        return tag == "div" and attrs.keys() >= {"role", "aria-label"} and attrs["tabindex"] == "0"


def test_the_page_can_be_read_on_a_telephone_and_by_keyboard(page: Path) -> None:
    """Each table is in a labelled region that can be focused, and all content is in <main>.

    At a width of 390 pixels only scrolling regions are wider than the page.
    """
    outline = Outline(page.read_text(encoding="utf-8"))
    assert outline.outside == []
    assert outline.beyond_main == set()
    assert {"This run", "Population", "Status of each tenant and table"} <= set(outline.labels)
    assert "Differing rows of acme / trades" in outline.labels
    chromium = shutil.which("chromium")
    if chromium is None:
        unavailable("chromium is not here")
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8"))
    (page.parent / "page.html").write_text(text.replace("</body>", _MEASURE), encoding="utf-8")
    frame = page.parent / "frame.html"
    frame.write_text(_FRAME.format(_WIDTH), encoding="utf-8")
    said = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--allow-file-access-from-files", f"--user-data-dir={page.parent / 'profile'}"),
            *("--virtual-time-budget=5000", "--dump-dom", frame.as_uri()),
        ],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = re.search(
        r"<title>page (\d+) of (\d+); heading (\d+); beyond: (.*)</title>", said.stdout.decode()
    )
    assert found, said
    assert int(found[1]) <= int(found[2]) <= _WIDTH
    assert int(found[3]) < _WIDTH
    assert found[4] == "nothing"

"""Single values in reports: writable, of limited length, and never ambiguous."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.characters import (
    differing,
    is_clear,
    is_writable,
    oddities,
    on_one_line,
    quoted,
)
from pytest_tenantparity.model import (
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    Outcome,
    RowParity,
    ValuePair,
)
from pytest_tenantparity.parity.compare.findings import FirstFindings, order_of
from pytest_tenantparity.parity.compare.json_diff import explain_json
from pytest_tenantparity.parity.compare.shown_values import (
    explained_pair,
    remarks,
    shown,
    shown_pair,
)
from pytest_tenantparity.plugin.results.failure_message import failure_message
from pytest_tenantparity.reporting.formats import json_file
from pytest_tenantparity.reporting.formats.html_page import marked
from pytest_tenantparity.reporting.formats.markdown import shown as in_markdown
from pytest_tenantparity.stacks.catalog import FOREIGN, Family
from pytest_tenantparity.wire import from_wire, to_wire

from ..support.checks import key_of

PIECES = [
    *("a", "e", "'", '"', "\\", "\\x", "\\xe9", "E'", "E'a'", "...", " ", "  ", "\n", "\t", "\0"),
    *("\u00e9", "\u0301", "\u200b", "\u202e", "\ufeff", "\u00a0", "\u00ad", "\u0430", "\U0001f600"),
    *("\udce9", "\udcff", "\ud800", "\udfff", "\u3164", "\ufe0f", "\u2028", "\x7f", "\x85"),
    *("blob x'61'", "integer 5", "real 1.5", 'text "a"', "text E'a'", "boolean true", "NULL"),
    f"a... (3,000 characters, sha256 {'0' * 64})",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
# Values as databases give them. A text starts with the marker byte only if a tag follows it.
TAGGED = st.sampled_from(["blob x'61'", "integer 5", "real 1.5", "boolean true", "number 5"])
VALUES = TEXTS.filter(lambda text: not text.startswith(FOREIGN)) | TAGGED.map(FOREIGN.__add__)


@given(VALUES, VALUES)
def test_different_values_are_shown_as_different_texts(one: str, other: str) -> None:
    """Different texts are shown differently in every format, and can be written to any file."""
    shapes = [shown(each, Family.TEXT) for each in (one, other)]
    assert (shapes[0] == shapes[1]) == (one == other)
    assert all(map(is_writable, shapes))
    visible = [quoted(each) for each in shapes]
    assert (visible[0] == visible[1]) == (one == other)
    assert all(map(is_clear, visible))
    markdown = [in_markdown(each) for each in shapes]
    assert (markdown[0] == markdown[1]) == (one == other)
    assert "NULL" not in markdown
    pages = [str(marked(each, breaks=True)) for each in shapes]
    assert (pages[0] == pages[1]) == (one == other)
    assert "\0" not in "".join(pages)


@given(VALUES, VALUES)
def test_what_is_said_of_values_can_be_written(one: str, other: str) -> None:
    """Explanations and remarks on values of any type can be written to any file."""
    for family in (Family.TEXT, Family.JSON, Family.INTEGER, Family.BYTES):
        lines = [*explained_pair(one, other, family), *remarks(one, family)]
        lines += [*explained_pair(one, None, family), *map(str, shown_pair(one, other, family))]
        assert all(map(is_writable, lines))
        assert all(is_clear(on_one_line(line)) for line in lines)


LOOK_ALIKE = [
    ("paid", "p\u0430id", "CYRILLIC SMALL LETTER A"),
    ("paid", "pa\u200bid", "ZERO WIDTH SPACE"),
    ("caf\u00e9", "cafe\u0301", "COMBINING ACUTE ACCENT"),
    ("10", "\u202e01", "RIGHT-TO-LEFT OVERRIDE"),
    ("a b", "a\u00a0b", "NO-BREAK SPACE"),
    ("a b", "a  b", "U+0020 SPACE"),
    ("a", "a ", "U+0020 SPACE"),
    ("a", "a\n", "LINE FEED"),
    ("a", "\ufeffa", "ZERO WIDTH NO-BREAK SPACE"),
    ("soft", "so\u00adft", "SOFT HYPHEN"),
    ("A", "\uff21", "FULLWIDTH LATIN CAPITAL LETTER A"),
    ("\u2126", "\u03a9", "OHM SIGN"),
    ("fi", "\ufb01", "LATIN SMALL LIGATURE FI"),
    ("-", "\u2212", "MINUS SIGN"),
    ("a", "a\u3164", "HANGUL FILLER"),
    ("\u2764", "\u2764\ufe0f", "VARIATION SELECTOR-16"),
    ("ab", "a\0b", "U+0000 NULL"),
]


@pytest.mark.parametrize(("one", "other", "name"), LOOK_ALIKE)
def test_characters_that_look_alike_are_named(one: str, other: str, name: str) -> None:
    """If two texts may look the same, the report names the differing character of either side."""
    for pair in ((one, other), (other, one), (f"x{one}y", f"x{other}y")):
        assert name in "\n".join(explained_pair(*pair, Family.TEXT))


@pytest.mark.parametrize(
    ("one", "other"), [("5", "5.01"), ("note 4", "note four five"), ("a", "b"), ("x y", "x z")]
)
def test_what_a_reader_sees_is_not_explained(one: str, other: str) -> None:
    """Visible ASCII characters are not explained."""
    assert explained_pair(one, other, Family.TEXT) == ()


def test_a_single_name_says_what_is_hidden_in_it() -> None:
    """Remarks on a name list hidden characters, mixed alphabets in a word, and loose accents.

    Ordinary names have no remarks.
    """
    assert oddities("p\u0430id") == ["character 2 is U+0430 CYRILLIC SMALL LETTER A"]
    assert oddities("a\u200b") == ["character 2 is U+200B ZERO WIDTH SPACE"]
    assert "COMBINING ACUTE ACCENT" in oddities("cafe\u0301")[0]
    for name in ("acme", "caf\u00e9", "\u041e\u041e\u041e \u0420\u043e\u0433\u0430 Ltd", "\u6771"):
        assert oddities(name) == []
    assert len(oddities("\u200b" * 1_000)) < 20


def test_long_values_are_shown_where_they_differ() -> None:
    """Both excerpts of long values begin at the same place before the difference.

    Lengths and digests are shown as well.
    """
    one, other = "x" * 2_400_000 + "A" + "y" * 9, "x" * 2_400_000 + "B" + "z" * 2_000
    legacy, modern = (str(each) for each in shown_pair(one, other, Family.TEXT))
    assert legacy.index("A") == modern.index("B")
    assert "(2,400,010 characters, from character 2,399,941 on, sha256 " in legacy
    assert sha256(one.encode()).hexdigest() in legacy
    assert sha256(other.encode()).hexdigest() in modern
    assert max(map(len, (legacy, modern))) < 800
    (said,) = explained_pair(one, other, Family.TEXT)
    assert said == (
        "the first difference is at character 2,400,001; "
        "legacy has 2,400,010 characters, modern 2,402,001"
    )


def test_long_bytes_are_counted_in_bytes() -> None:
    """For bytes, position, length and digest are in bytes, and no byte is cut in half."""
    content = [bytes(36_000), bytes(20_001) + b"\x0f" + bytes(15_998)]
    texts = [f"\\x{each.hex()}" for each in content]
    shapes = [str(each) for each in shown_pair(texts[0], texts[1], Family.BYTES)]
    assert shapes[0] != shapes[1]
    for text, own in zip(shapes, content, strict=True):
        assert re.match(r"\.\.\.(00){30}0[0f]", text)
        assert "(36,000 bytes, from byte 19,972 on, sha256 " in text
        assert sha256(own).hexdigest() in text
    (said,) = explained_pair(texts[0], texts[1], Family.BYTES)
    assert said.startswith("the first difference is at byte 20,002; legacy has 36,000 bytes")


def finding(legacy: str, modern: str, family: Family) -> Finding:
    """Return a changed row like a comparison."""
    pair = ValuePair(*shown_pair(legacy, modern, family), explained_pair(legacy, modern, family))
    return Finding(FindingKind.CHANGED, {"id": "1"}, {"v": pair})


def test_the_terminal_shows_two_long_values_in_two_ways() -> None:
    """The terminal's shorter excerpts of two long values differ, and name the place."""
    for one, other, family in (
        ("\\x" + "00" * 36_000, "\\x" + "00" * 20_000 + "ff" * 16_000, Family.BYTES),
        ("x" * 1_500 + "a", "x" * 1_500 + "b", Family.TEXT),
        ("\udce9" * 1_500 + "a", "\udce9" * 1_500 + "b", Family.TEXT),
    ):
        found = finding(one, other, family)
        drift = DriftCounts(changed=1)
        text = failure_message(
            Evidence(
                key_of("acme", "t", "t"),
                Outcome.REFUTED,
                RowParity(drift=drift, findings=(found,)),
            ),
            "pytest",
        )
        (line,) = [each for each in text.splitlines() if "v: legacy" in each]
        legacy, modern = line.partition("legacy ")[2].split(", modern ")
        assert legacy != modern
        assert "the first difference is at" in text
        assert len(line) < 1_000


def test_json_is_explained_within_bounds() -> None:
    """The explanation of JSON is short, and unambiguous about absent values and hidden characters.

    A long text is shown where it differs.
    """
    legacy, modern = (json.dumps({"a": "x" * 100_000 + each}) for each in "yz")
    (line,) = explain_json(legacy, modern)
    assert len(line) < 600
    assert "at character 100,001" in line
    assert explain_json('{"a": "not present"}', '{"a": "b"}') == (
        'root[\'a\']: "not present" -> "b"',
    )
    assert explain_json("{}", '{"a": 1}') == ("root['a']: absent -> 1",)
    (line,) = explain_json('{"a\u202e": 1, "b": 1}', '{"a\u202e": 2, "b": 1}')
    assert line == r"root['a\u202e']: 1 -> 2"
    (line,) = explain_json('{"a": "paid"}', '{"a": "p\u0430id"}')
    assert "U+0430 CYRILLIC SMALL LETTER A" in line


def test_text_that_nobody_foresaw_is_escaped_on_every_way() -> None:
    """Names, reasons and notes with a lone surrogate reach another process and the report."""
    key = key_of("a\ud800", "t\udce9", "t")
    evidence = Evidence(
        key,
        Outcome.NOT_PROVEN,
        RowParity(findings=(Finding(FindingKind.EXTRA, {"\udce9": "\ud800"}, note="\udfff"),)),
        reasons=("no \udce9",),
    )
    wire = to_wire(evidence)
    json.dumps(wire, ensure_ascii=False).encode()
    assert wire["reasons"] == [r"no \xe9"]
    assert from_wire(Evidence, wire).key == key_of(r"a\ud800", r"t\xe9", "t")
    assert wire["measurement"]["findings"][0]["note"] == r"\udfff"
    assert json_file.schemas()["evidence.schema.json"]["$defs"]["Finding"]["properties"].keys() >= {
        "row",
        "ids",
        "raw_key",
    }


def test_what_a_sample_does_not_keep_goes_on_once() -> None:
    """Each finding is either in the sample, with its row's own key, or is passed on once."""
    rest: list[Finding] = []
    sample = FirstFindings(3, rest.append)
    numbers = [7, 1, 9, 3, 8, 2, 6, 4, 5]
    for number in numbers:
        each = Finding(FindingKind.MISSING, {"id": str(number)})
        sample.add(order_of([str(number)]), each, (f"raw {number}",))
    kept = [each.key["id"] for each in sample.findings]
    assert kept == ["1", "2", "3"]
    assert sample.keys == (("raw 1",), ("raw 2",), ("raw 3",))
    assert sorted(each.key["id"] or "" for each in rest) == ["4", "5", "6", "7", "8", "9"]


def test_positions_are_of_the_whole_value() -> None:
    """The position of a named character counts from the value's start, also in a long value."""
    one, other = "x" * 5_000 + "\u0430" + "y" * 50, "x" * 5_000 + "a" + "y" * 50
    said = explained_pair(one, other, Family.TEXT)
    assert any("character 5,001: legacy U+0430 CYRILLIC" in line for line in said)
    lines = differing("\u0430" * 30, "a" * 30)
    assert len(lines) == 9
    assert all(first != second for first, second in pairwise(lines))


def test_the_command_line_prints_to_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output to an ASCII terminal is escaped, and contains no hidden characters."""
    from pytest_tenantparity.cli import terminal

    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, encoding="ascii"))
    terminal.say("NO-GO for caf\u00e9 \u202e01")
    assert written.getvalue().decode() == r"NO-GO for caf\xe9 \u202e01" + "\n"

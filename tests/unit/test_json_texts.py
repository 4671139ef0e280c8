"""The client's canonical text of a JSON document, also of documents that jsonb refuses."""

from __future__ import annotations

from pytest_tenantparity.parity.compare.json_diff import canonical_json, explain_json

from ..support.json_documents import DIFFERENT, REFUSED, TAKEN


def test_one_content_has_one_text() -> None:
    """The client gives both forms of one content the same text."""
    pairs = [*REFUSED, *TAKEN]
    assert [pair for pair in pairs if canonical_json(pair[0]) != canonical_json(pair[1])] == []


def test_different_contents_have_different_texts() -> None:
    """Different contents have different texts, and an explanation that a report can contain."""
    assert [each for each in DIFFERENT if canonical_json(each[0]) == canonical_json(each[1])] == []
    for pair in DIFFERENT:
        "\n".join(explain_json(*pair)).encode()


def test_a_byte_that_is_no_text_is_no_escape() -> None:
    """A raw byte of SQLite, kept as a lone surrogate, differs from the escape of that surrogate."""
    assert canonical_json('["\udcff"]') != canonical_json(r'["\udcff"]')
    assert explain_json('["\udcff"]', r'["\udcff"]') == ()

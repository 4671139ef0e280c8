"""The client's text of a JSON document: one for each content, whatever jsonb makes of it."""

from __future__ import annotations

from pytest_tenantparity.parity.compare.json_diff import canonical_json, explain_json

from ..support.json_documents import DIFFERENT, REFUSED, TAKEN


def test_one_content_has_one_text() -> None:
    """The client gives both spellings one text."""
    pairs = [*REFUSED, *TAKEN]
    assert [pair for pair in pairs if canonical_json(pair[0]) != canonical_json(pair[1])] == []


def test_different_contents_have_different_texts() -> None:
    """The client tells them apart, and explains that in characters that a report takes."""
    assert [each for each in DIFFERENT if canonical_json(each[0]) == canonical_json(each[1])] == []
    for pair in DIFFERENT:
        "\n".join(explain_json(*pair)).encode()


def test_a_byte_that_is_no_text_is_no_escape() -> None:
    """A raw byte of SQLite, kept as half a surrogate pair, is not the escape of that half."""
    assert canonical_json('["\udcff"]') != canonical_json(r'["\udcff"]')
    assert explain_json('["\udcff"]', r'["\udcff"]') == ()

"""The source is written in standard terms: phrases that once stood in their place do not come back."""

import re

import pytest

from src.config import SERVER_FOLDER

#: Each with what to write instead.
PHRASES = {
    r"\bas often as one likes\b": "idempotent",
    r"\bnone the worse\b": "ignored",
    r"\bwhat is really so\b": "the live state",
    r"\bon and on\b": "repeatedly",
    r"\bnow and then\b": "periodically",
    r"\bfor want of\b": "for lack of",
    r"\blet go of\b": "close, release",
    r"\bas often as it takes\b": "retried until it succeeds",
    r"\bin turns between\b": "round robin",
}


def found(text: str) -> list[str]:
    """The phrases in a text, whichever line breaks are within them."""
    plain = re.sub(r"\s+(?:#:?\s*)?", " ", text)
    return [phrase for phrase in PHRASES if re.search(phrase, plain, re.IGNORECASE)]


def test_the_source_is_written_in_standard_terms() -> None:
    modules = {
        path.relative_to(SERVER_FOLDER).as_posix(): path.read_text() for path in SERVER_FOLDER.glob("src/**/*.py")
    }

    assert len(modules) > 50
    assert {module: phrases for module, text in modules.items() if (phrases := found(text))} == {}


@pytest.mark.parametrize(
    "text",
    ["Close it; as often as one likes.", "# for\n# want of room", "It goes on\n    and on.", "Now and then."],
)
def test_a_phrase_is_noticed_whatever_its_case_and_its_lines(text: str) -> None:
    assert len(found(text)) == 1


def test_words_that_only_contain_a_phrase_are_left_alone() -> None:
    assert found("on and onwards; known and then written") == []

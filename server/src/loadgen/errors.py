"""Why a run cannot be made."""


class CannotRun(Exception):
    """Bad arguments, an unreachable server, or one that does not speak this service's API; exit status 2.

    Args:
        sentence: what is wrong and what to do, in words for the person at the terminal.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def printable(text: str, length_max: int = 300) -> str:
    """Make text of the other side safe for a terminal: no control characters, no more than so many characters."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return kept if len(kept) <= length_max else kept[: length_max - 1] + "…"

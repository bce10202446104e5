"""The error that prevents a run."""


class CannotRun(Exception):
    """Invalid arguments, an unreachable server, or one that does not implement this service's API; exit status 2.

    Args:
        sentence: what is wrong and what to do about it, for the user at the terminal.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def printable(text: str, length_max: int = 300) -> str:
    """Sanitize text from the server for a terminal: no control characters, at most `length_max` characters."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return kept if len(kept) <= length_max else kept[: length_max - 1] + "…"

"""placeholder"""

EXAMPLES = ""


def test() -> None: ...

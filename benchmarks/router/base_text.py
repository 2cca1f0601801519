"""The text that the base encoder learns from: what others published under a licence that lets weights be shipped.

BANKING77 and CLINC150 are left out altogether: few-shot results on them are what the encoder is judged by.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Files under the data folder; only their texts are read, never a label.
REQUESTS: Final = ("toole/train.jsonl", "snips/train.jsonl", "nl2bash/pairs.jsonl", "tldr/examples.jsonl")
#: Files of the WordNet 3.0 database.
WORDNET: Final = ("data.noun", "data.verb", "data.adj", "data.adv")

_MARKER: Final = re.compile(r"\(.*")  # adjectives carry their position: galore(ip)


def requests(data: Path) -> Iterator[str]:
    """Yield the texts of the public request sets."""
    for name in REQUESTS:
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]


def glosses(wordnet: Path) -> Iterator[str]:
    """Yield the words of each synset followed by its definition and examples.

    The format is described in WordNet's own wndb(5): eight decimal digits, two numbers, the number of words in
    hexadecimal, the words with a number each, pointers, a bar, the gloss; the licence stands in lines that begin with
    two blanks.
    """
    for name in WORDNET:
        for line in (wordnet / name).read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):
                continue
            record, gloss = line.split(" | ", 1)
            fields = record.split()
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            yield " ".join(_MARKER.sub("", word).replace("_", " ") for word in words) + " " + gloss.strip()

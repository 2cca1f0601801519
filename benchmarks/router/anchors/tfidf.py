"""TF-IDF of words (1-2) and characters within words (2-5), and a logistic regression a label: scikit-learn."""
# mypy: disable-error-code="import-not-found,import-untyped"
# The anchor is installed in an environment of its own, where mypy does not look.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.router.anchors.harness import main


class Tfidf:
    """A pipeline of scikit-learn."""

    def __init__(self) -> None:
        self._pipeline: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Count, weigh, fit one logistic regression for each label."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline, make_union

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        each = LogisticRegression(C=20.0, solver="liblinear", random_state=seed)
        self._pipeline = make_pipeline(make_union(words, characters), OneVsRestClassifier(each))
        self._pipeline.fit(list(texts), list(labels))

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the likeliest label of each text and its probability."""
        probabilities = self._pipeline.predict_proba(list(texts))
        best = probabilities.argmax(axis=1)
        labels = self._pipeline.classes_
        return [(str(labels[at]), float(row[at])) for row, at in zip(probabilities, best, strict=True)]

    def save(self, folder: Path) -> None:
        """Write the pipeline as scikit-learn's own pages say: by joblib."""
        import joblib

        joblib.dump(self._pipeline, folder / "model.joblib")

    def load(self, folder: Path) -> None:
        """Read the pipeline."""
        import joblib

        self._pipeline = joblib.load(folder / "model.joblib")


if __name__ == "__main__":
    main(Tfidf, probability=True)

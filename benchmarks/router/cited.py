"""Figures of others that are not run here, by row and label; the table marks them as cited.

Measured by the authors of the task on the official test sets in one run on two cores, with the recipes that the names
say, unless a paper is named: Casanueva et al. 2020 (arXiv:2003.04807), Larson et al. 2019 (arXiv:1909.02027), and the
README of uncertainty-baselines (SNGP).
"""

from __future__ import annotations

from typing import Final

CITED: Final = {
    ("accuracy", "banking77"): "MiniLM + LogReg 93.25, semantic-router 90.55; BERT tuned 93.66",
    ("accuracy", "clinc150"): "MiniLM + LogReg 95.44, semantic-router 85.84; USE + ConveRT 97.16",
    ("ten", "banking77"): "MiniLM + LogReg 86.27, semantic-router 79.51; USE + ConveRT 85.19",
    ("ten", "clinc150"): "MiniLM + LogReg 90.04, semantic-router 78.09; USE + ConveRT 93.26",
    ("out-of-scope", "AUROC, none learnt"): "MiniLM + LogReg, energy .972; semantic-router .959; BERT .942, SNGP .969",
    ("out-of-scope", "in-scope % at 95% refused, none learnt"): "MiniLM + LogReg, energy 86.8; semantic-router 73.5",
    ("out-of-scope", "ECE, none learnt"): "BERT .022, SNGP .010",
    ("new-agents", "new"): "MiniLM LDA 72.2, semantic-router 65.5, TF-IDF centroid 58.0; retrained 77.1",
    ("new-agents", "old"): "90.9, 92.1, 84.7; 94.1",
    ("new-agents", "all"): "86.0, 85.2, 77.8; 89.7",
    ("new-agents", "stolen"): "1.4, 1.0, 2.0",
    ("tools", "by description only"): "TF-IDF 47.6, MiniLM centroid 60.7",
    ("tools", "+ 10 examples"): "TF-IDF 72.2, MiniLM centroid 76.6",
    ("decision", "p50, words met before"): "fastText 24.5, MiniLM 17,400, semantic-router 20,200",
    ("decision", "p99, words met before"): "fastText 120, MiniLM 33,000, semantic-router 34,700",
    ("load", "seconds, imports and first decision"): "fastText 0.18, MiniLM 7.4, semantic-router 17.5",
    ("load", "file, MB"): "fastText 81, MiniLM and semantic-router 92",
    ("feedback", "honest thumbs"): "on MiniLM: likelihood 77, thumbs up only 58",
    ("feedback", "10% flipped"): "on MiniLM: thumbs up only 54",
    ("off-policy", "mean error, points"): "on MiniLM: DR 1.63, SNIPS 1.42, IPS 2.56",
    ("reasons", "top word gone, leader changes, %"): "bag net 36.6",
    ("reasons", "other content word gone, decision changes, %"): "bag net, leader 15.2",
}

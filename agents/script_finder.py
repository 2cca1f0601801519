"""script-finder: ranks the scripts of a folder against a request and says which words decided.

BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over a script's name, header and body,
after stemming; name and header count more, because people describe a purpose and bodies are full of noise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import Field

from agents._support import Value, Verdict, count_of, excerpt, libraries, locate
from agents._words import Header, header, words
from orchestrator import AgentError, TaskContext, agent

MAX_FILE: Final = 256_000
MAX_FILES: Final = 5_000
NAME_WEIGHT: Final = 3
HEADER_WEIGHT: Final = 2


class FinderInput(Value):
    """What to look for and where.

    Attributes:
        query: what the script should do; empty takes the task's request.
        folder: in the workspace, searched with all its folders but hidden ones.
        top: how many scripts to name at most.
    """

    query: str = ""
    folder: str = "."
    top: int = Field(default=5, ge=1, le=50)


class ScriptHit(Value):
    """One script that fits.

    Attributes:
        rank: 1 is best.
        path: inside the folder, with forward slashes.
        score: BM25, comparable within one answer only.
        description: the first line of its header comment; empty if it has none.
        line: where that line is, 1-based; 0 if there is none.
        words: the words of the query that it answers, as the query spells them.
    """

    rank: int
    path: str
    score: float
    description: str
    line: int
    words: tuple[str, ...]


class SkippedFile(Value):
    """One file that was not searched.

    Attributes:
        path: inside the folder, with forward slashes.
        why: one phrase.
    """

    path: str
    why: str


class FinderReport(Value):
    """What was found.

    Attributes:
        verdict: pass with a hit, warn without.
        summary: one sentence.
        query: what was looked for.
        hits: best first; equal scores in the order of their paths.
        searched: number of scripts.
        skipped: files that were not searched, and why.
    """

    verdict: Verdict
    summary: str
    query: str
    hits: tuple[ScriptHit, ...]
    searched: int
    skipped: tuple[SkippedFile, ...]


@agent(
    "script-finder",
    summary="Finds the operational script that does a given job in a folder of scripts, and shows why it fits.",
    examples=(
        "Find the script that rotates the nginx logs",
        "Do we have something to restart the payment gateway?",
        "which runbook tool drains a Kubernetes node",
        "Where is the cron job that purges old backups",
        "how do I unlock a technical user",
        "I need a ready-made shell script for reconciling the general ledger",
        "search our toolbox for certificate renewal",
        "Is there an existing utility to fail over the primary replica to the second data centre?",
        "look up the ops script for clearing a stuck MQ queue",
        "Show me the automation that verifies last night's backup",
        "Which of the three hundred scripts archives statements to cold storage?",
        "somebody wrote a bash helper for disk space alerts, find it",
        "Locate the job that reloads exchange rates",
        "Suggest a script to warm up the cache after a reboot",
        "what can I run to export the audit trail for the regulator",
        "stop the batch scheduler for maintenance: is there a script for that",
        "Has anyone automated the end-of-day cut-off?",
        "find scirpt for resetting a user's token",
        "Is there a script to back up the database?",
        "find me a script that restarts the batch scheduler",
        "Search the scripts folder for something that cleans up disk space",
        "which of our shell scripts renews a certificate",
        "Locate the ops script for a failover to the second data centre",
        "find the tool that we run to archive old statements",
    ),
)
def script_finder(request: FinderInput, context: TaskContext) -> FinderReport:
    """Rank the scripts of a folder.

    Raises:
        AgentError: if the folder does not exist or holds too many files, or the query has no word to look for.
    """
    query = request.query.strip() or context.task.request
    stem = _stemmer()
    wanted = {stemmed: word for word in reversed(words(query)) for stemmed in stem([word])}
    if not wanted:
        raise AgentError(f"the query {excerpt(query, 60)!r} has no word to look for; say what the script should do")
    scripts, skipped = _read_folder(locate(context, request.folder), request.folder, stem)
    hits = _rank(scripts, dict(reversed(wanted.items())))
    return FinderReport(
        verdict="pass" if hits else "warn",
        summary=f"{count_of(len(hits), 'script')} of {len(scripts)} answer to the query"
        + (f"; the best is {hits[0].path}" if hits else ""),
        query=excerpt(query, 1000),
        hits=tuple(hits[: request.top]),
        searched=len(scripts),
        skipped=tuple(skipped),
    )


class _Stemmer:
    """Stems words of one language; made per call, because a stemmer is not safe to share between threads."""

    def __init__(self, stemmer: Any) -> None:
        self._stemmer = stemmer

    def __call__(self, plain: list[str]) -> list[str]:
        return list(self._stemmer.stemWords(plain))


def _stemmer() -> _Stemmer:
    with libraries("script-finder"):
        import bm25s  # noqa: F401 - asked for here, so that a missing library is said before any work
        import Stemmer
    return _Stemmer(Stemmer.Stemmer("english"))


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Script:
    path: str
    header: Header
    words: list[str]


class _File(NamedTuple):
    path: str
    file: Path


def _read_folder(folder: Path, name: str, stem: _Stemmer) -> tuple[list[_Script], list[SkippedFile]]:
    scripts: list[_Script] = []
    skipped: list[SkippedFile] = []
    for path, file in _files(folder, name):
        source = _source(file)
        if isinstance(source, bytes):
            top = header(text := source.decode())
            weighted = words(Path(path).stem) * NAME_WEIGHT + words(top.text) * HEADER_WEIGHT + words(text)
            scripts.append(_Script(path, top, stem(weighted)))
        else:
            skipped.append(SkippedFile(path=path, why=source))
    return scripts, skipped


def _files(folder: Path, name: str) -> list[_File]:
    try:
        if not folder.is_dir():
            raise AgentError(f"there is no folder {name!r} in the workspace; check the path")
        found = sorted(_walk(folder))
    except OSError as error:
        raise AgentError(f"{name!r} cannot be read: {error.strerror or 'no reason given'}") from error
    if len(found) > MAX_FILES:
        raise AgentError(f"{name!r} holds more than {MAX_FILES} files; name a folder inside it")
    return found


def _walk(folder: Path) -> Iterator[_File]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for each in files:
            file = Path(parent, each)
            if not each.startswith("."):
                yield _File(file.relative_to(folder).as_posix(), file)


def _source(file: Path) -> bytes | str:
    """Return the UTF-8 bytes of a script, or why it is not searched."""
    try:
        if file.is_symlink() or not file.is_file():
            return "not a plain file"
        if file.stat().st_size > MAX_FILE:
            return f"larger than {MAX_FILE} bytes"
        content = file.read_bytes()
        content.decode()
    except UnicodeDecodeError:
        return "not UTF-8 text"
    except OSError as error:
        return error.strerror or "cannot be read"
    return "binary" if b"\0" in content else content


# --- ranking ----------------------------------------------------------------------------------------------------------


def _rank(scripts: list[_Script], wanted: dict[str, str]) -> list[ScriptHit]:
    scores = _scores([script.words for script in scripts], list(wanted))
    order = sorted(zip(scores, scripts, strict=True), key=lambda pair: (-pair[0], pair[1].path))
    return [_hit(rank, score, script, wanted) for rank, (score, script) in enumerate(order, 1) if score > 0]


def _scores(corpus: list[list[str]], wanted: list[str]) -> list[float]:
    import bm25s

    if not any(corpus):
        return [0.0] * len(corpus)
    index = bm25s.BM25(method="lucene")
    index.index(corpus, show_progress=False)
    return [round(float(score), 4) for score in index.get_scores(wanted)]


def _hit(rank: int, score: float, script: _Script, wanted: dict[str, str]) -> ScriptHit:
    present = set(script.words)
    return ScriptHit(
        rank=rank,
        path=script.path,
        score=score,
        description=excerpt(script.header.first, 200),
        line=script.header.line,
        words=tuple(word for stemmed, word in wanted.items() if stemmed in present),
    )

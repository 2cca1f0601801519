"""Six agents as a bank's engineers would describe them, a seventh that arrives later, and requests for all of them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from router import AgentProfile, EmbeddingRouter, Example, KeywordRouter, read_out_of_scope, training_config
from router.trained_model import TrainedModel, train, train_from_profiles
from router.training_config import FEW_EXAMPLES, FROM_CARDS

SQL = AgentProfile(
    "sql-checker",
    "1.0",
    "Reviews SQL migrations for locks, data loss and missing indexes before they reach production.",
    (
        "Review this migration before it goes to production",
        "Is this ALTER TABLE safe on a big table?",
        "Check the SQL in the pull request for locks",
        "Does this schema change drop any data?",
        "Will adding this column lock the accounts table?",
        "Find missing indexes in these queries",
        "Validate the database migration script",
        "Can I run this UPDATE without a WHERE clause?",
        "Look over the new foreign key constraint",
        "Is the rollback of this migration complete?",
        "Lint these SQL statements",
        "Which statements in this file rewrite the whole table?",
    ),
)
JSON = AgentProfile(
    "json-medic",
    "1.0",
    "Repairs broken or truncated JSON and checks it against a schema.",
    (
        "Fix this broken JSON",
        "The payload is cut off in the middle, repair it",
        "Why does this document not parse?",
        "There is a trailing comma somewhere in this config",
        "Validate the response body against the schema",
        "Make this a valid JSON object again",
        "Unexpected token in the message, please mend it",
        "Close the missing brackets in this payload",
        "The quotes in this JSON are wrong",
        "Which field violates the JSON schema?",
        "Recover what you can from this truncated response",
        "Pretty print and repair this object",
    ),
)
SCRIPTS = AgentProfile(
    "script-finder",
    "1.0",
    "Finds the right shell script in the script library and says how to call it.",
    (
        "Find me a script that rotates log files",
        "Which script restarts the batch scheduler?",
        "Is there a shell script to clean up temp folders?",
        "How do I call the backup script?",
        "Look for a bash one-liner that counts lines",
        "We must have a script for certificate renewal",
        "Search the script library for disk usage",
        "What is the tool that copies files between hosts?",
        "Where is the script that archives old reports?",
        "Do we already have something that kills stale sessions?",
        "Which command line tool sends the end of day files?",
        "Show me the usage of the deploy script",
    ),
)
LOGS = AgentProfile(
    "log-sentinel",
    "1.0",
    "Compares logs of two runs and points out new errors and unusual patterns.",
    (
        "Compare the logs of these two runs",
        "What is new in tonight's log compared with yesterday?",
        "Are there unusual errors in this log file?",
        "Find anomalies in the server logs",
        "Which exception appeared for the first time after the release?",
        "Summarise the warnings of the last batch run",
        "Is this stack trace known?",
        "Why are there more timeouts in the log since noon?",
        "Group the log lines by pattern",
        "Did the error rate change between the two nights?",
        "Scan the application log for suspicious entries",
        "Which messages vanished from the log after the upgrade?",
    ),
)
NOTES = AgentProfile(
    "release-notes",
    "1.0",
    "Writes release notes from the git history between two tags.",
    (
        "Write the release notes for version 2.4",
        "Summarise the commits since the last tag",
        "What changed between these two releases?",
        "Draft a changelog from the git history",
        "List the merged pull requests for this version",
        "Turn these commits into notes for customers",
        "Which breaking changes does the new release have?",
        "Prepare the changelog entry for the hotfix",
        "Generate notes from the git log",
        "Tell the stakeholders what is in the next release",
        "Collect all bug fixes since v1.9",
        "Who contributed to this release?",
    ),
)
SIGNOFF = AgentProfile(
    "signoff-clerk",
    "1.0",
    "Collects evidence and gives a go or no-go for a release sign-off.",
    (
        "Can we go live tonight?",
        "Give me a go or no-go for the release",
        "Are all UAT results signed off?",
        "Which approvals are still missing?",
        "Is the evidence for the sign-off complete?",
        "Decide whether the release may proceed",
        "Check the exit criteria of the test phase",
        "Who has to approve this deployment?",
        "Prepare the sign-off sheet",
        "Do open defects block the go-live?",
        "Has the business owner accepted the test results?",
        "Record the approval of the change board",
    ),
)
SIX = (SQL, JSON, SCRIPTS, LOGS, NOTES, SIGNOFF)

EXCHANGE = AgentProfile(
    "fx-desk",
    "0.1",
    "Answers questions about exchange rates and currency conversion.",
    (
        "What is the exchange rate of the euro today?",
        "Convert 200 dollars into yen",
        "How many pounds do I get for 1000 francs?",
        "Show the currency rates of last Friday",
        "What was the dollar to euro rate at month end?",
        "Which currency lost most against the pound?",
    ),
)

PARAPHRASES = (
    ("please check whether this alter table statement takes a lock", "sql-checker"),
    ("could the migration lose rows in the customer table", "sql-checker"),
    ("review the create index statement in my pull request", "sql-checker"),
    ("is it safe to drop this column in production", "sql-checker"),
    ("look at the sql for the new accounts schema", "sql-checker"),
    ("my json is invalid, can you repair it", "json-medic"),
    ("a bracket is missing in this payload", "json-medic"),
    ("the response was truncated and does not parse any more", "json-medic"),
    ("does this document match its json schema", "json-medic"),
    ("remove the trailing commas and fix the quotes", "json-medic"),
    ("is there a script for rotating old logs", "script-finder"),
    ("find the bash script which cleans temporary files", "script-finder"),
    ("which shell script makes the nightly backup", "script-finder"),
    ("how is the certificate renewal script called", "script-finder"),
    ("search for a tool that archives reports", "script-finder"),
    ("compare last night's log with the one before", "log-sentinel"),
    ("any new exceptions in the server log", "log-sentinel"),
    ("spot anomalies in these log lines", "log-sentinel"),
    ("why did timeouts increase in the application logs", "log-sentinel"),
    ("which errors appeared after the upgrade", "log-sentinel"),
    ("generate a changelog from the commits", "release-notes"),
    ("write notes for customers about version 3.1", "release-notes"),
    ("summarise the pull requests merged since the last tag", "release-notes"),
    ("draft the release notes of the hotfix", "release-notes"),
    ("which bug fixes are in the git history since v2", "release-notes"),
    ("go or no-go for tonight's release", "signoff-clerk"),
    ("are the UAT approvals complete", "signoff-clerk"),
    ("is any sign-off still missing", "signoff-clerk"),
    ("may we proceed with the go-live despite open defects", "signoff-clerk"),
    ("who must approve the release", "signoff-clerk"),
)

OUTSIDE = (
    "what is the forecast for Sunday",
    "recommend a restaurant with a terrace",
    "how do I bake a chocolate cake",
    "I want to take two weeks off in July",
    "cheapest way to travel to Vienna",
    "who scored the winning goal",
    "tell me something funny",
    "freeze my stolen bank card",
    "how much money is in my account",
    "what's the best mattress for side sleepers",
    "when was Mozart born",
    "my dog keeps barking at night",
    "the toilet on the second floor is blocked",
    "xyzzy plugh frobozz",
    "",
    "   ",
    "привет как дела",
    "how long does jet lag last",
    "sell my old sofa",
    "what should I wear to a wedding",
)

EXCHANGE_REQUESTS = (
    "exchange rate of the dollar today",
    "convert 50 euro into francs",
    "how many yen do I get for 300 pounds",
    "what was the euro rate on Monday",
    "show me the rates of all currencies",
    "how much is one pound in dollars",
)


@pytest.fixture
def keyword() -> KeywordRouter:
    """A router that knows cats and dogs."""
    fresh = KeywordRouter()
    fresh.add(AgentProfile("cats", "1", "", ("feed the cat",)))
    fresh.add(AgentProfile("dogs", "1", "", ("walk the dog",)))
    return fresh


@pytest.fixture(scope="session")
def six() -> tuple[AgentProfile, ...]:
    """Six agents of a bank's engineering department."""
    return SIX


@pytest.fixture(scope="session")
def exchange() -> AgentProfile:
    """A seventh agent, of another domain, that no training has seen."""
    return EXCHANGE


@pytest.fixture(scope="session")
def paraphrases() -> tuple[tuple[str, str], ...]:
    """Requests in other words than the cards', with the agent that should serve each."""
    return PARAPHRASES


@pytest.fixture(scope="session")
def outside() -> tuple[str, ...]:
    """Requests that no agent serves, none of them in the bundled list."""
    return OUTSIDE


@pytest.fixture(scope="session")
def exchange_requests() -> tuple[str, ...]:
    """Requests for the seventh agent."""
    return EXCHANGE_REQUESTS


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    """A model trained on the six cards by the recipe for cards, but in a fifth of the steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_config, "FROM_CARDS", replace(FROM_CARDS, epochs=30, folds=3))
        return train_from_profiles(SIX, read_out_of_scope())


@pytest.fixture(scope="session")
def trained_on_pairs() -> TrainedModel:
    """A model of the six cards that knows pairs of words too, as one trained on much data does."""
    examples = [Example(text, profile.name) for profile in SIX for text in profile.texts]
    config = replace(FEW_EXAMPLES, word_order=True, epochs=10, cross_validate=False)
    return train(examples, config, profiles=SIX, out_of_scope=read_out_of_scope())


@pytest.fixture
def router(trained: TrainedModel) -> EmbeddingRouter:
    """A fresh router with the six agents registered by their cards."""
    return _serve(trained)


@pytest.fixture(params=["words", "pairs of words"])
def either(request: pytest.FixtureRequest, trained: TrainedModel, trained_on_pairs: TrainedModel) -> EmbeddingRouter:
    """A fresh router with the six agents, of either kind of model."""
    return _serve(trained if request.param == "words" else trained_on_pairs)


def _serve(model: TrainedModel) -> EmbeddingRouter:
    fresh = EmbeddingRouter(model.manifest, model.arrays, use_trained_labels=False)
    for profile in SIX:
        fresh.add(profile)
    return fresh


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets; loudly skipped where there is none."""
    folder = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"NO REAL DATA at {folder}: set POINTSMAN_DATA to test on it")
    return folder

"""The key of pseudonyms: a file beside the journal that only its owner reads, or a variable of the environment."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from orchestrator.clock import new_secret
from orchestrator.redaction.errors import RedactionError

KEY_FILE: Final = "redaction.key"
KEY_VARIABLE: Final = "POINTSMAN_REDACTION_KEY"
_BYTES: Final = 32
_LEAST: Final = 16


class RedactionKey(NamedTuple):
    """A key.

    Attributes:
        secret: its bytes.
        mark: tells it from others, and nothing else about it; cassettes name it.
    """

    secret: bytes
    mark: str


def find_key(folder: Path, environ: Mapping[str, str]) -> RedactionKey | None:
    """Return the key that there is: the variable's, or that of the file in a folder; None if there is none.

    Raises:
        RedactionError: if it is there and is none.
    """
    text = environ.get(KEY_VARIABLE, "")
    if text:
        return _read(text, f"the variable {KEY_VARIABLE}")
    path = folder / KEY_FILE
    try:
        return _read(path.read_text("ascii"), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RedactionError("key", f"{path} cannot be read: {type(error).__name__}") from None


def take_key(folder: Path, environ: Mapping[str, str]) -> RedactionKey:
    """Return the key that there is; make one that only its owner may read where there is none.

    Raises:
        RedactionError: if it cannot be read or written.
    """
    key = find_key(folder, environ)
    if key is not None:
        return key
    path = folder / KEY_FILE
    part = path.with_name(f".{KEY_FILE}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(new_secret(_BYTES) + "\n")
        try:
            os.link(part, path)  # whole, and never over one that somebody else has made meanwhile
        except FileExistsError:
            pass
        finally:
            part.unlink()
    except OSError as error:
        raise RedactionError("key", f"{path} cannot be written: {error.strerror}") from None
    made = find_key(folder, environ)
    if made is None:
        raise RedactionError("key", f"{path} was removed as soon as it was made")
    return made


def _read(text: str, where: str) -> RedactionKey:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) < _LEAST:
        raise RedactionError("key", f"{where} holds no key: write {_BYTES} bytes as hex digits, {_LEAST} at least")
    return RedactionKey(secret, hmac.new(secret, b"pointsman redaction key", hashlib.sha256).hexdigest()[:16])

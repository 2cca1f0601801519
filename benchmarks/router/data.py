"""Where the data sets are: `POINTSMAN_DATA`, or beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DATA: Final = Path(os.environ.get("POINTSMAN_DATA", ROOT.parent / "shared" / "data"))

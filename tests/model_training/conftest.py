"""Tests of the training folder, the committed demonstration models and the samples.

``training`` is a package of the folder ``inference-service``, which is no installed distribution; the path is put
on ``sys.path`` here. Tests that need torch say so and are skipped without it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "inference-service"

if str(SERVICE) not in sys.path:
    sys.path.insert(0, str(SERVICE))

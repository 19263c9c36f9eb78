"""What exports write to the audit trail."""

from typing import Final

EXPORT_CREATED: Final = "export-created"
"""Somebody takes results out."""

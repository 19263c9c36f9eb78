"""Pictures of the gallery in other sizes and formats."""

"""What services keep beside their rows: blobs on disk, the room for them, and secrets encrypted."""

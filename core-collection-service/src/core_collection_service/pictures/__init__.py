"""Pictures, by use case: they are submitted, stored, read, listed, shown as thumbnails, cached and deleted."""

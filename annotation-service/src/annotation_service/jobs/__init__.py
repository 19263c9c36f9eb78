"""The jobs collection, single jobs, and their drafts."""

"""Pictures that were made of others, each made once and kept."""

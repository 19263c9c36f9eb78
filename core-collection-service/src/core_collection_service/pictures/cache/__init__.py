"""Answers that are kept in memory and given again."""

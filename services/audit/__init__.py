"""Looks up whether what must always be true is true, over the whole database and the topics, and says what mends a difference."""

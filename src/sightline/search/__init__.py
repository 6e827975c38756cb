"""Indexes of vectors: which are most alike. Know neither models nor databases."""

"""Smaller and faster variants of a model, and which of them may take its place."""

"""Summaries of streams and models in a database: written while they run, read for reports."""

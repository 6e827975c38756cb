"""Searches by looks: what fills a database with vectors, and what searches it."""

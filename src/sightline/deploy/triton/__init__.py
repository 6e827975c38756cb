"""A model repository for Triton: its configuration, its folders, and Triton itself as an engine."""

"""Stages whose model is a detector: it looks at the objects of a frame."""

"""Detectors around detectors: tiles of one, ensembles of several."""

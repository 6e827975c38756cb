"""Variants of a model that are trained: pruned, distilled, sparse, and quantisation-aware."""

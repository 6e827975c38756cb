"""Is what a camera shows, and what a model finds in it, still like it was? Profiles against a reference."""

"""The fastest way to run a model on this machine within limits, and how many cameras that holds."""

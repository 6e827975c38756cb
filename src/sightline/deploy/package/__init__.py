"""A model packed for a machine: with its limits met, ready to run, and to be checked there."""

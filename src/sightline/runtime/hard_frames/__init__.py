"""Hard frames on their way to disk: a dataset that is whole at any time, filled beside a stream that runs."""

"""A model's engines measured: how long an inference takes, how many fit into a second, in how much memory."""

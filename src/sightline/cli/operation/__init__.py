"""What is done to a service that runs."""

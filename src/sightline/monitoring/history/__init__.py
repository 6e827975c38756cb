"""What streams and models did by minute, hour and day: summaries that can be added up."""

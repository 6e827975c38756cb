"""What the service tells of itself: metrics, logs, alerts and traces."""

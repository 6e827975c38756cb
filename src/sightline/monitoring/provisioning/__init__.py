"""Files for Prometheus and Grafana, made from the table of metrics."""

"""Which frames of a stream are worth a label: how hard each is, what it looks like, and which are kept."""

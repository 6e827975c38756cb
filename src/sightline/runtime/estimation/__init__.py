"""The accuracy of streams that run, estimated beside them in idle time."""

"""Reading files from elsewhere: whatever is wrong with one is a single kind of error."""

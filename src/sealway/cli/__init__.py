"""The command line: thin; it asks the API or the composition root and prints."""

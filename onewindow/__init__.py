"""The front door: the command line, the settings, and the one place that joins every room to the others."""

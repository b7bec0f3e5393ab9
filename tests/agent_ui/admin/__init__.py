"""Claims about the administration."""

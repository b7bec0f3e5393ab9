"""The chat door, reached as visitors reach it."""

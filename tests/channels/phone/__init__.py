"""Phone, tested from recorded lines and against a manager of our own."""

"""The webhook, proven with a system of its own on the other side."""

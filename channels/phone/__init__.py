"""Phone: what an exchange writes down of its calls, and what it tells while they ring."""

"""Claims about the engines: one suite for what every store promises, and one for each engine's own."""

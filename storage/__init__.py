"""The cellar: the only place that knows which engine keeps the records and the live state."""

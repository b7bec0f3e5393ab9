"""Claims about the hall: what becomes of contacts, and what employees can know and do."""

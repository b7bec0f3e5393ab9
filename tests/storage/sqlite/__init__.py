"""Claims about the embedded engine alone: plans, schema, faults, copies."""

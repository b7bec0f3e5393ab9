"""The records: customer, employee, service and what passes between them."""

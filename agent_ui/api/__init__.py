"""The JSON API: what other systems read and write, under /api/v1, with its own description of itself.

`shapes` says what goes over the wire, `contacts`, `cases`, `customers` and `metrics` answer, `calls` knows
who asks and how errors are told, `description` writes the OpenAPI document from the same operations.
"""

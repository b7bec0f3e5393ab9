"""Administration: employees, departments, rules, saved replies, tokens and the audit."""

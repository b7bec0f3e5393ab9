"""The hall: every contact walks from intake through identity, history and rules to a case somebody holds."""

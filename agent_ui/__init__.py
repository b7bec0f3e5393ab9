"""The rooms people work in: inbox, desk, supervisor's board, administration and the JSON API."""

"""What happens between the operator and its customers, story by story."""

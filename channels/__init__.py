"""The doors customers use: each channel reads what arrives into a contact and carries answers back out."""

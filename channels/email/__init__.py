"""E-mail: customers' letters come in by SMTP, answers leave through a relay."""

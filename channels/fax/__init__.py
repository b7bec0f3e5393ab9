"""The fax door: what HylaFAX received, faxes that come as mail, and answers that go out by fax."""

"""The demo: a small telecom operator with a believable past, and contacts that keep coming in."""

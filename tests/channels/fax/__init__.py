"""Tests of the fax door."""

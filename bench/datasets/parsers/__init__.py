"""Parsers of the official raw formats, one module a source."""

"""Sections of the configuration: their keys, defaults, ranges and meaning."""

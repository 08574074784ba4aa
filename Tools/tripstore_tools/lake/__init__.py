"""Spark reads an exported folder (scripts/lake-test)."""

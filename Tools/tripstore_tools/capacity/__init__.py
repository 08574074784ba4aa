"""Fits a model to measured figures and plans past this machine (scripts/capacity-model)."""

"""Attention made visible: capture and plots."""

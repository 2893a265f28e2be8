"""Bytes: counted, estimated from shapes, and the settings that make a job fit."""

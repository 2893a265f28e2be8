"""Personalization: what an entity looks like, from a reference picture to tokens (the paper's DPE)."""

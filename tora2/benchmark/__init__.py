"""What generation costs: one step beside others, whole loops of the presets, and what the presets lose."""

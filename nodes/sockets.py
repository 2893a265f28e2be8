"""The pack's own socket types, and what travels on them."""

from __future__ import annotations

from comfy_api.latest import io

Model = io.Custom("TORA2_MODEL")  # host.HostedModel
Loras = io.Custom("TORA2_LORA")  # tuple of checkpoints.lora.Lora
Text = io.Custom("TORA2_TEXT")  # conditions.TextConditions
Trajectories = io.Custom("TORA2_TRAJECTORIES")  # trajectories.TrajectoryDocument
Motion = io.Custom("TORA2_MOTION")  # conditions.MotionConditions
Entity = io.Custom("TORA2_ENTITY")  # conditions.Entity
Personalization = io.Custom("TORA2_PERSONALIZATION")  # conditions.PersonalizationConditions
Conditioning = io.Custom("TORA2_CONDITIONING")  # conditions.Conditioning

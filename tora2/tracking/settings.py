"""The choices that the nodes show, without what it takes to carry them out."""

TRACKERS = ("auto", "points", "appearance")
STARTS = ("even", "features")

"""Where things are in a video: trackers, their starting points, and what was got beside what was asked.

A tracker gives :class:`Followed`. There are two: ``points`` follows what lies under a starting point in any video,
``appearance`` finds the things of reference pictures in videos of the tiny world.
"""

"""The real code on several CPUs at once, under schedules that are chosen: what no order of the atomic steps explains.

Reads from top to bottom: situations (where to begin), machine (one schedule), the strategies (which schedules),
search (all of them, and the shortest schedule that shows what was found).
"""

from hfverify.explore.guests import Processor, Scene
from hfverify.explore.together import Together
from hfverify.explore.wakeups import WithGuests

__all__ = ["Processor", "Scene", "Together", "WithGuests"]

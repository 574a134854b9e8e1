"""The kinds of tasks. Adding one is a file here and a line in KINDS."""

from crowdmap.tasks.kinds import categorise, check, place, translate
from crowdmap.tasks.kinds.kind import Item, Judged, Setting, TaskKind, Verdict

__all__ = ["KINDS", "Item", "Judged", "Setting", "TaskKind", "Verdict"]

# in the order in which a volunteer meets them
KINDS: dict[str, TaskKind] = {one.KIND.name: one.KIND for one in (translate, place, categorise, check)}

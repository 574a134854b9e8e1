"""What the public would see of a report after publishing: made by the same function that publishes it."""

from dataclasses import dataclass

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from crowdmap.publishing import hook
from crowdmap.publishing.project import Tree, public, strictest
from crowdmap.reports.models import VISIBLE, Policy, Report, ReportPrivate, Status


@dataclass(frozen=True)
class Preview:
    """*properties* and *point* (lon, lat) as the public feature has them; None both: no public row at all."""

    policy: Policy
    tree: Tree
    properties: dict | None
    point: tuple[float, float] | None

    @property
    def place(self) -> ReportPrivate | None:
        """The exact point that stands for the tree, for the desk only."""
        return self.tree.place()


def preview(session: Session, report: Report) -> Preview | None:
    """The tree of *report* as the public sees it, or will see it once published. None: nobody tells it any more.

    Nothing is written and no loaded object is changed.
    """
    trees, _children = hook.trees_of(session, {report.id})
    tree, setting = trees[0], hook.crisis(session, trees[0].codes)
    if not tree.live:
        return None
    if tree.root.status not in VISIBLE:
        tree = _as_if_published(tree)
    tree.policy = strictest(tree, setting)
    view = public(tree, setting)
    if view is None:
        return Preview(tree.policy, tree, None, None)
    geometry = view.core["geometry"]
    return Preview(tree.policy, tree, view.core["properties"], tuple(geometry["coordinates"]) if geometry else None)


def _as_if_published(tree: Tree) -> Tree:
    values = {column.key: getattr(tree.root, column.key) for column in inspect(Report).column_attrs}
    root = Report(**{**values, "status": Status.PUBLISHED})  # belongs to no session
    return Tree(root, [root, *tree.members[1:]], tree.private, tree.voices, tree.voices_outside)


def withheld_by(session: Session, top: Report, others: list[Report]) -> tuple[Report, str] | None:
    """What would take *top* off the map if *others* (roots as it is one) were merged into it: the first member of their
    trees with a restricted category, and the category's name. None: it stays, or was not there. Nothing is written."""
    trees, _children = hook.trees_of(session, {top.id, *(other.id for other in others)})
    setting, by_root = hook.crisis(session, hook.codes_of(trees)), {tree.root.id: tree for tree in trees}
    tree = by_root[top.id]
    tree.policy = strictest(tree, setting)
    if public(tree, setting) is None:
        return None
    for member in (member for other in others for member in by_root[other.id].members):
        for category in (setting.categories[code] for code in member.codes if code in setting.categories):
            if category.policy is Policy.RESTRICTED:
                return member, category.name
    return None

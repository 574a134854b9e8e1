"""Who may do what: a role is a set of permissions, nothing else."""

from enum import StrEnum

from crowdmap.web import Permission


class Role(StrEnum):
    """The roles of one crisis, from the lowest to the highest."""

    VOLUNTEER = "volunteer"
    MODERATOR = "moderator"
    COORDINATOR = "coordinator"


_VOLUNTEER = frozenset({Permission.OWN_ACCOUNT, Permission.WORK, Permission.VOUCH})
_MODERATOR = _VOLUNTEER | {Permission.READ_STAFF, Permission.MODERATE, Permission.SEE_CONTACT, Permission.SUBSCRIBE}
_COORDINATOR = _MODERATOR | {Permission.ADMINISTER}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VOLUNTEER: _VOLUNTEER,
    Role.MODERATOR: _MODERATOR,
    Role.COORDINATOR: _COORDINATOR,
}

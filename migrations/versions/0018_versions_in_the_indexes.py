"""PostgreSQL's indexes behind lists hold seq and place as well: which rows, as which version, is told without looking at rows."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = {  # name: (columns, what is beside them from now on, and was before)
    "ix_publication_list": (["audience", "status", "kind", "id"], ["seq", "lon", "lat"], None),
    "ix_publication_order": (["audience", "status", "id"], ["seq", "lon", "lat"], None),
    "ix_publication_cell": (["audience", "status", "cell", "kind", "lon", "lat", "verification", "happened_at"], ["id", "seq"], ["id"]),
}


def upgrade():
    for name, (columns, now, _before) in INDEXES.items():
        _make(name, columns, now)


def downgrade():
    for name, (columns, _now, before) in INDEXES.items():
        _make(name, columns, before)


def _make(name: str, columns: list[str], beside: list[str] | None) -> None:
    if op.get_context().dialect.name == "postgresql":  # SQLite looks at the rows anyway, to join their features
        op.drop_index(name, table_name="publication")
        op.create_index(name, "publication", columns, postgresql_include=beside)

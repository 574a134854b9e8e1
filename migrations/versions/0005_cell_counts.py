"""Counts of published reports by cell of the map's grid, filled from the publications that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LEVELS = (18, 16, 14, 12, 10, 8, 6, 4, 2)  # from the finest, which is counted; the others are taken together from the next
PUBLISHED = "p.audience <> 'staff' AND p.status = 'published'"


def upgrade():
    op.create_table(
        "cell_count",
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("lon", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("audience", "level", "category", "cell", "kind", name=op.f("pk_cell_count")),
        sqlite_with_rowid=False,
    )
    # whole 1e-7 of a degree, as the application rounds them: shifted, since a cast of a negative number cuts or rounds
    cut = {"sqlite": "CAST({} AS INTEGER)", "postgresql": "CAST(trunc({}) AS BIGINT)"}[op.get_bind().dialect.name]
    lon, lat = (f"CAST(sum({cut.format(f'p.{name} * 1e7 + 1800000000.5')} - 1800000000) AS BIGINT)" for name in ("lon", "lat"))
    by_category = "JOIN publication_category c ON c.publication_id = p.id"
    for category, join in (("''", ""), ("c.code", by_category)):
        group = "p.audience, p.kind" + (", c.code" if join else "")
        op.execute(
            f"INSERT INTO cell_count SELECT p.audience, 18, {category}, p.cell >> 12, p.kind, count(*), {lon}, {lat} "
            f"FROM publication p {join} WHERE {PUBLISHED} AND p.cell IS NOT NULL GROUP BY {group}, p.cell >> 12"
        )
        op.execute(
            f"INSERT INTO cell_count SELECT p.audience, -1, {category}, 0, p.kind, count(*), 0, 0 "
            f"FROM publication p {join} WHERE {PUBLISHED} AND p.cell IS NULL GROUP BY {group}"
        )
    for finer, level in zip(LEVELS, LEVELS[1:], strict=False):
        op.execute(
            f"INSERT INTO cell_count SELECT audience, {level}, category, cell >> 4, kind, CAST(sum(n) AS BIGINT), "
            f"CAST(sum(lon) AS BIGINT), CAST(sum(lat) AS BIGINT) FROM cell_count WHERE level = {finer} "
            "GROUP BY audience, category, cell >> 4, kind"
        )


def downgrade():
    op.drop_table("cell_count")

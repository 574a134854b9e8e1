"""Suspected pairs, marks of senders, how common words are, and the tile of a publication.

Reports that were here before get their marks at the next change, or all at once by ``crowdmap republish``.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade():
    op.create_table(
        "cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursor")),
    )
    op.create_table(
        "vocabulary",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("words", JSON, nullable=False),
        sa.Column("points", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vocabulary")),
    )
    op.create_table(
        "mark",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_mark_report_id_report")),
        sa.PrimaryKeyConstraint("report_id", "kind", "hash", name=op.f("pk_mark")),
    )
    op.create_index("ix_mark_hash", "mark", ["hash", "report_id"])
    op.create_table(
        "suspicion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("a_id", sa.Integer(), nullable=False),
        sa.Column("b_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["a_id"], ["report.id"], name=op.f("fk_suspicion_a_id_report")),
        sa.ForeignKeyConstraint(["b_id"], ["report.id"], name=op.f("fk_suspicion_b_id_report")),
        sa.ForeignKeyConstraint(["refused_by_id"], ["account.id"], name=op.f("fk_suspicion_refused_by_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspicion")),
        sa.UniqueConstraint("a_id", "b_id", name=op.f("uq_suspicion_a_id_b_id")),
    )
    op.create_index("ix_suspicion_b_id", "suspicion", ["b_id"])
    op.create_index("ix_suspicion_open", "suspicion", ["refused_at", "score"])
    op.add_column("publication", sa.Column("tile16", sa.BigInteger(), nullable=True))
    op.execute("UPDATE publication SET tile16 = cell >> 16 WHERE cell IS NOT NULL")  # from zoom 24 to zoom 16
    op.create_index("ix_publication_tile", "publication", ["audience", "kind", "tile16", "happened_at"])


def downgrade():
    op.drop_index("ix_publication_tile", table_name="publication")
    op.drop_column("publication", "tile16")
    op.drop_index("ix_suspicion_open", table_name="suspicion")
    op.drop_index("ix_suspicion_b_id", table_name="suspicion")
    op.drop_table("suspicion")
    op.drop_index("ix_mark_hash", table_name="mark")
    op.drop_table("mark")
    op.drop_table("vocabulary")
    op.drop_table("cursor")

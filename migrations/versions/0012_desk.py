"""The desk's queue in the order of urgency, who has a report open, named views, undo; how risky a category is."""

from datetime import UTC, datetime

import orjson
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crowdmap.moderation.urgency import urgency
from crowdmap.reports.models import Kind, Risk

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LIFE = ("EMG", "MED", "TRAP", "FIRE", "SAR", "GBV", "VIOL")  # of the built-in templates, and whatever has sector sar
BATCH = 1000


def upgrade():
    op.add_column("category", sa.Column("risk", sa.Text(), nullable=False, server_default="none"))
    op.execute("UPDATE category SET risk = 'harm' WHERE sector IN ('health', 'protection') OR code = 'COLL'")
    op.execute(f"UPDATE category SET risk = 'life' WHERE sector = 'sar' OR code IN {LIFE}")
    op.create_table(
        "queue_item",
        sa.Column("report_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reasons", JSON, nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_queue_item_report_id_report")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_queue_item")),
    )
    op.create_table(
        "queue_count",
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("status", name=op.f("pk_queue_count")),
    )
    op.create_table(
        "look",
        sa.Column("report_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_it", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_look_account_id_account")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_look_report_id_report")),
        sa.PrimaryKeyConstraint("report_id", "account_id", name=op.f("pk_look")),
    )
    op.create_index("ix_look_seen_at", "look", ["seen_at"])
    op.create_table(
        "desk_view",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("filter", JSON, nullable=False),
        sa.Column("order", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_desk_view_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_view")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_desk_view_account_id_name")),
    )
    op.create_index(op.f("ix_desk_view_shared"), "desk_view", ["shared"])
    op.create_table(
        "undo_step",
        sa.Column("decision_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_undo_step_account_id_account")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_undo_step_decision_id_decision")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_undo_step_report_id_report")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_undo_step")),
    )
    op.create_index("ix_undo_step_at", "undo_step", ["at"])
    op.create_index(op.f("ix_undo_step_report_id"), "undo_step", ["report_id"])
    fill(op.get_bind())
    op.create_index("ix_queue_item_due", "queue_item", ["status", "due_at", "report_id"])
    op.create_index("ix_queue_item_all_due", "queue_item", ["due_at", "report_id"])
    op.create_index("ix_queue_item_told", "queue_item", ["status", "told_at"])


def fill(connection) -> None:
    """Weigh what the team sees already."""
    moment = sa.DateTime(timezone=True)
    report = sa.table("report", sa.column("id"), sa.column("revision"), sa.column("created_at", moment))
    seen = sa.table(
        "publication", sa.column("report_id"), sa.column("audience"), sa.column("status"), sa.column("kind"),
        sa.column("feature"), sa.column("search_text"),
    )  # fmt: skip
    item = sa.table(
        "queue_item", sa.column("report_id"), sa.column("status"), sa.column("revision"), sa.column("due_at", moment),
        sa.column("told_at", moment), sa.column("came_at", moment), sa.column("reasons", JSON),
    )  # fmt: skip
    risks = {code: Risk(risk) for code, risk in connection.execute(sa.text("SELECT code, risk FROM category"))}
    query = (
        sa.select(seen, report.c.revision, report.c.created_at)
        .join_from(seen, report, report.c.id == seen.c.report_id)
        .where(seen.c.audience == "staff", seen.c.status.is_not(None))
        .order_by(seen.c.report_id)
    )
    after = 0
    while rows := connection.execute(query.where(seen.c.report_id > after).limit(BATCH)).all():
        made = []
        for row in rows:
            told = orjson.loads(row.feature)["properties"]
            told_at = row.created_at if row.created_at.tzinfo else row.created_at.replace(tzinfo=UTC)
            own = [(code, risks.get(code, Risk.NONE)) for code in told["categories"]]
            found = urgency(told_at, Kind(row.kind), own, row.search_text, told["people"], told["voices"] or 1)
            made.append({
                "report_id": row.report_id, "status": row.status, "revision": row.revision, "due_at": found.due_at,
                "told_at": told_at, "came_at": min(told_at, datetime.now(UTC)), "reasons": found.reasons,
            })  # fmt: skip
        connection.execute(sa.insert(item), made)
        after = rows[-1].report_id
    connection.execute(sa.text("INSERT INTO queue_count SELECT status, count(*) FROM queue_item GROUP BY status"))


def downgrade():
    for table in ("undo_step", "desk_view", "look", "queue_count", "queue_item"):
        op.drop_table(table)
    op.drop_column("category", "risk")

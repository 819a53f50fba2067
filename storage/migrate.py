"""Brings a database to the schema this program knows; the lock and the backup before it are the caller's part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, String, column, select, table, text

from storage.faults import NewerSchema

VERSION_TABLE: Final = "tipstaff_version"
"""Not Alembic's usual name: on PostgreSQL another program may keep its own in the same schema."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The migrations a program knows: the folder Alembic reads, and their revisions, oldest first.

    The revisions are named here too, so that opening an up-to-date store need not import Alembic (0.3 s).
    """

    folder: Path
    revisions: tuple[str, ...]

    @property
    def head(self) -> str:
        """The version that this program works with."""
        return self.revisions[-1]


STEPS: Final = Steps(Path(__file__).parent / "migrations", ("0001", "0002"))


def version(connection: Connection) -> str | None:
    """Return the version a database is at; None where no step has been completed."""
    if connection.dialect.name == "sqlite":
        present = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name")
    else:
        present = text("SELECT 1 WHERE to_regclass(:name) IS NOT NULL")
    try:
        if connection.execute(present, {"name": VERSION_TABLE}).first() is None:
            return None
        number = select(column("version_num", String)).select_from(table(VERSION_TABLE))
        return connection.execute(number).scalar_one_or_none()
    finally:
        connection.rollback()


def is_behind(connection: Connection, steps: Steps, *, where: str) -> bool:
    """Say whether steps are missing; nothing is written.

    Raises:
        NewerSchema: the database is at a version that this program does not know.
    """
    standing = version(connection)
    if standing is not None and standing not in steps.revisions:
        raise NewerSchema(
            f"{where} has the schema version {standing}, and this tipstaff knows no later one than {steps.head}",
            "start the newer tipstaff that has written it, or restore the backup from before the upgrade;"
            " nothing was changed",
        )
    return standing != steps.head


def upgrade(connection: Connection, steps: Steps) -> None:
    """Take the missing steps, each in one transaction with its version row; the caller holds the lock.

    May be killed anywhere and called again.
    """
    from alembic import command  # noqa: PLC0415 - slow, and hardly ever needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(steps.folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""Files and folders of a database: whether they are fit for one, who holds them; no SQL is spoken here."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.faults import CorruptStore, StoreFault, StoreMissing
from storage.schema import APPLICATION_ID

MAGIC: Final = b"SQLite format 3\x00"
NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2"}
)
"""File systems on which locks or shared memory may not work; those of FUSE are matched by prefix."""
NETWORK_FUSE: Final = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse")

PATIENCE: Final = 30.0
"""Seconds to wait for another process that makes or migrates a database."""
PAUSE: Final = 0.05
RELEASED: Final = "released by "

_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def beside(path: Path, suffix: str) -> Path:
    """Return the file of the same name with something appended."""
    return path.with_name(path.name + suffix)


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def examine(path: Path) -> None:
    """Look at a database file from outside.

    Raises:
        StoreFault: it cannot be one of ours, or we may not write it.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise StoreFault(f"{path} is not a file", "name the database file itself")
    if status.st_size == 0:
        raise CorruptStore(
            f"{path} is empty: a copy, a restore or a disk has lost its content",
            "restore it from a backup; to start anew with an empty memory, remove it",
        )
    for place in (path, path.parent):
        if not os.access(place, os.R_OK | os.W_OK):
            raise StoreFault(
                f"{place} may not be read and written by this user", "give it to the user that runs tipstaff"
            )
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(MAGIC):
        raise CorruptStore(f"{path} is not a SQLite database", "name another file, or restore it from a backup")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise CorruptStore(f"{path} is the database of another program", "name another file")


def make_folder(folder: Path) -> None:
    """Make the folder of a database, for its owner only; the one above it must be there.

    Raises:
        StoreFault: it cannot be made or written.
    """
    if not folder.exists():
        if not folder.parent.is_dir():
            raise StoreMissing(f"there is no folder {folder.parent}", "make it, or name another place for the store")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreFault(
                f"the folder {folder} cannot be made: {error.strerror}", "make it, or name another place"
            ) from error
    if not folder.is_dir():
        raise StoreFault(f"{folder} is not a folder", "name another place for the store")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreFault(f"{folder} may not be written by this user", "give it to the user that runs tipstaff")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock, which dies with the process; False when another one keeps it for too long."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        gained = _try(descriptor)
        for _ in range(round(PATIENCE / PAUSE)):
            if gained:
                break
            time.sleep(PAUSE)
            gained = _try(descriptor)
        yield gained
    finally:
        os.close(descriptor)


class LockFile:
    """Who is the one active daemon of a database; the file stays for ever, the lock dies with its process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, holder: str | None) -> str | None:
        """Take the lock and write the holder's name into the file; return the other's name when there is one."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try(descriptor):
            os.close(descriptor)
            return self._other()
        if holder is not None:
            _write(descriptor, holder)
        self._descriptor = descriptor
        return None

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            text = self.text()
            if text and not text.startswith(RELEASED):
                _write(descriptor, RELEASED + text)
            os.close(descriptor)

    def text(self) -> str:
        """Return what the last holder wrote; empty where there has been none."""
        try:
            return self._path.read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return ""

    def _other(self) -> str:
        """Name the holder; it may have taken the lock a moment ago and not have written its name yet."""
        for _ in range(20):
            text = self.text()
            if text and not text.startswith(RELEASED):
                return text
            time.sleep(0.01)
        return "a process that has not said its name"


def network_warnings(path: Path) -> tuple[str, ...]:
    """Say so when a file lies on a network file system, as far as Linux tells (/proc/self/mountinfo)."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return ()
    kind = mounted_as(path.resolve(), mounts)
    if kind in NETWORK or kind.startswith(NETWORK_FUSE):
        return (
            f"{path} lies on a network file system ({kind}): locks and the write-ahead log are not safe there;"
            " put it on a local disk or use PostgreSQL",
        )
    return ()


def mounted_as(path: Path, mountinfo: str) -> str:
    """Return the type of the file system a path lies on (man 5 proc, mountinfo); empty when it is not listed."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        if (path == point or point in path.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0]
    return kind


def _write(descriptor: int, text: str) -> None:
    raw = text.encode("utf-8", "replace") + b"\n"
    os.pwrite(descriptor, raw, 0)
    os.ftruncate(descriptor, len(raw))


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

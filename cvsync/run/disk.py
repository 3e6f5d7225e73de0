"""Which disks a ledger may stand on."""

from __future__ import annotations

from pathlib import Path

from cvsync.errors import SettingsError

_NETWORK = frozenset(
    # WAL needs memory that all openers share, and locks that hold; these have neither for certain.
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ncpfs", "fuse.sshfs", "fuse.rclone",
     "fuse.s3fs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.gcsfuse", "fuse.glusterfs", "ceph", "lustre"}
)  # fmt: skip
_MOUNTS = Path("/proc/self/mounts")  # Linux; elsewhere nothing is known, and nothing refused


def refuse_network_disk(folder: Path, *, mounts: Path = _MOUNTS) -> None:
    """Refuse a folder on a network file system.

    Raises:
        SettingsError: It is one, and SQLite's write-ahead log is not safe there.
    """
    kind = file_system(folder, mounts=mounts)
    if kind in _NETWORK:
        raise SettingsError(
            f"{folder} is on a network disk ({kind}), where the ledger's write-ahead log is not safe: "
            "choose a local disk or a block volume with --state-dir or CVSYNC_STATE_DIR"
        )


def file_system(folder: Path, *, mounts: Path = _MOUNTS) -> str:
    """Name the file system that a folder is on; empty where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, found, depth = folder.resolve(), "", -1
    for line in lines:
        fields = line.split(" ")
        mounted = Path(fields[1].replace("\\040", " "))
        # A later line hides an earlier one of the same place.
        if place.is_relative_to(mounted) and len(mounted.parts) >= depth:
            found, depth = fields[2], len(mounted.parts)
    return found

"""The key pair for SSH through Session Manager: made with an environment, gone with it, and good for nothing else.

It is kept beside the outputs, not beside terraform's files: of these HCP Terraform gets a copy.
"""

from __future__ import annotations

from pathlib import Path

from chaosgood_ext.errors import CommandError, MachineError
from chaosgood_ext.twin.run import Runner, run

_FILE = "ssh-key"


def ensure(folder: Path, *, run: Runner = run) -> str:
    """Return the public half of the key pair in `folder`, which is made at the first call, for its owner alone to read.

    Raises :class:`MachineError` without ssh-keygen.
    """
    private, public = _files(folder)
    if not (private.exists() and public.exists()):
        forget(folder)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "chaosgood", "-f", str(private)])
        except CommandError as failed:
            raise MachineError(
                f"The key pair for SSH could not be made: {failed.what}",
                "ssh-keygen must work: on Debian, apt-get install openssh-client.",
            ) from failed
    return public.read_text().strip()


def forget(folder: Path) -> None:
    """Delete both halves."""
    for path in _files(folder):
        path.unlink(missing_ok=True)


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / _FILE, folder / f"{_FILE}.pub"

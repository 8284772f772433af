"""User data at a host's first boot, the subset of cloud-init that the stack uses: a shell script.

It runs once in an instance's life, as root, after the network is up and the units were started. Source: "Run commands
when you launch an EC2 instance with user data input" in the Amazon EC2 User Guide.
"""

from __future__ import annotations

import logging
import subprocess
import threading

from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.twin.hosts.hosts import Host

logger = logging.getLogger(__name__)

OUTPUT = "/var/log/cloud-init-output.log"
_INSTANCE = "/var/lib/cloud/instance"
_SCRIPT = f"{_INSTANCE}/scripts/part-001"
_LONGEST_S = 3600.0


def run_user_data(host: Host, text: str) -> None:
    """Run `text` on `host` from a thread of its own; what it says goes to :data:`OUTPUT` on the host.

    What is no script (`#!` first) is not run, and the log says so, as cloud-init's does.
    """
    threading.Thread(target=_run, args=(host, text), name=f"cloud-init-{host.spec.name}", daemon=True).start()


def _run(host: Host, text: str) -> None:
    try:
        host.write(f"{_INSTANCE}/user-data.txt", text, 0o600)
        with host.on_disk(OUTPUT).open("ab", buffering=0) as log:
            if not text.startswith("#!"):
                log.write(f"WARNING: Unhandled non-multipart user data starting with {text[:32]!r}\n".encode())
                return
            host.write(_SCRIPT, text, 0o700)
            process = host.spawn([_SCRIPT], log, log)
            if status := process.wait(_LONGEST_S):
                log.write(f"WARNING: Failed to run {_SCRIPT}: exit status {status}\n".encode())
    except (OSError, ChaosGoodError, subprocess.TimeoutExpired):  # most often the host went away meanwhile
        logger.warning("user data of %s did not run to its end", host.spec.name, exc_info=True)

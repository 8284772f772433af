"""Start the shop: ``python -m shop``. SIGTERM and SIGINT end it with status 0, bad settings with status 2."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import types

from . import logs
from .errors import SettingsError
from .pool import Pool
from .serving import serve
from .settings import Settings
from .store import Store
from .web import create_app


def main() -> int:
    """Run until told to stop; returns the exit status."""
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        logs.log(logging.ERROR, str(error))
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    pool = Pool(settings)
    store = Store(pool)
    app = create_app(store)
    threading.Thread(target=store.keep_migrating, name="migration", daemon=True).start()
    # What is loaded by now lives as long as the process: not looking at it again saves time and memory.
    gc.collect()
    gc.freeze()
    try:
        serve(app, port=settings.port, limit=settings.max_concurrent_requests, on_ready=_announce)
    except OSError as error:
        logs.log(logging.ERROR, f"The shop cannot listen on port {settings.port}: {error.strerror}.")
        return 1
    logs.log(logging.INFO, "stopped")
    return 0


def _announce(port: int) -> None:
    logs.log(logging.INFO, "listening", port=port, pid=os.getpid())


def _stop(_number: int, _frame: types.FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Threads that wait for a database that does not answer must not delay the end.
    os._exit(status)

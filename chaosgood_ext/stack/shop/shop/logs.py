"""One JSON object a line on standard output, so that logs can be searched by field."""

from __future__ import annotations

import json
import logging
import sys
import time

logger = logging.getLogger("shop")


class JsonFormatter(logging.Formatter):
    """Render a record as one JSON line: time (RFC 3339, UTC), level, message, then the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline; fields that are None are left out."""
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {"time": f"{whole}.{int(record.msecs):03d}Z", "level": record.levelname, "message": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in line.items() if value is not None}, default=str)


def log(level: int, message: str, /, *, traceback: bool = False, **fields: object) -> None:
    """Write one line; `fields` become keys of the JSON object."""
    logger.log(level, message, extra={"fields": fields}, exc_info=traceback)


def configure() -> None:
    """Send everything, other packages' warnings too, to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)
    # It warns whenever a request waits for a thread, be it for a millisecond.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)

"""Logs: one line an event on standard error, key=value, with the time. ``SEALWAY_LOG`` sets the level."""

import logging
import os
import sys

import structlog


def set_up_logs() -> None:
    """Routes structlog and the standard library's loggers to standard error."""
    level = getattr(logging, os.environ.get("SEALWAY_LOG", "INFO").upper(), logging.INFO)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )

"""Logs as one JSON line each: ids and codes bound once, never a personal datum."""

import logging
import sys

import structlog


def set_up(level: str) -> None:
    """Every line of this process, library lines too, leaves as JSON on standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    handler.addFilter(_Calm())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Calm(logging.Filter):
    """Lets a library's line through once in five seconds: a minute's broker outage logs 7,300 of them otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = f"{record.name}:{record.lineno}"
        if record.created - self._last.get(key, 0.0) < 5:
            return False
        self._last[key] = record.created
        # A library's message may quote what it was given; a log line of ours says only where it came from.
        record.msg, record.args, record.exc_info = f"{record.name}: {record.levelname.lower()} at line {record.lineno}", (), None
        return True


def logger() -> structlog.typing.FilteringBoundLogger:
    return structlog.get_logger()  # type: ignore[no-any-return]

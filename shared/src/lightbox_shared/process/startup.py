"""A start that fails ends with one sentence: the last line on standard error, where `lightbox run` and the
readers of a container's log look first."""


class StartupError(RuntimeError):
    """A service can't start; the text is one sentence for the person who starts it."""


def failure_line(service: str, problem: str) -> str:
    """The last line of a service that could not start."""
    return f"{service} can't start: {problem}"

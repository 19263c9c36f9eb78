"""What the tests of the kit share beside their fixtures."""

from collections.abc import Callable

from fastapi import FastAPI

MakeApp = Callable[..., FastAPI]
"""An application of these routers; `state` is what its lifespan yields, `dialects` those of the kit, and the other
keyword arguments are settings."""

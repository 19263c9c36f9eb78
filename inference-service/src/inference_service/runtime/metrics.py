"""Metrics of the scheduler, read from its own figures when they are asked for. The label `model` has the models that a
picture was sent to, such as `covid19/1`."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from inference_service.runtime.scheduler import Scheduler


class SchedulerMetrics(Collector):
    """The metrics of one scheduler, for a registry."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def describe(self) -> Iterator[Metric]:
        """The same, since the names do not change."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        scheduler = self._scheduler
        yield GaugeMetricFamily(
            "lightbox_model_queue_capacity", "Pictures above which further ones are refused.", scheduler.capacity
        )
        pictures = GaugeMetricFamily(
            "lightbox_model_pictures", "Pictures that have a place in the queue.", labels=["model", "state"]
        )
        refused = CounterMetricFamily("lightbox_model_refused", "Pictures that found the queue full.", labels=["model"])
        runs = CounterMetricFamily("lightbox_model_runs", "Runs that have ended.", labels=["model"])
        seconds = CounterMetricFamily("lightbox_model_run_seconds", "Duration of these runs.", labels=["model"])
        for model, load in scheduler.loads.items():
            for state in ("preparing", "waiting", "running"):
                pictures.add_metric([model, state], getattr(load, state))
            refused.add_metric([model], load.refused)
            runs.add_metric([model], load.runs)
            seconds.add_metric([model], load.run_seconds)
        yield from (pictures, refused, runs, seconds)

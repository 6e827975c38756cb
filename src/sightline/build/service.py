"""The service around an application: HTTP, gRPC, metrics, traces and alerts, as a configuration says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sightline.build.application import Application
from sightline.build.files.conflicts import added_stream_conflict
from sightline.build.files.written import written_folders
from sightline.build.model_files import bundled_files
from sightline.config import Configuration
from sightline.monitoring.alerts import AlertRules, to_log
from sightline.monitoring.mail import Mailer
from sightline.monitoring.metrics import PrometheusMeter
from sightline.monitoring.watched import WatchedValues
from sightline.monitoring.webhook import Webhook
from sightline.runtime.history.model_counts import ModelCounts
from sightline.runtime.processes.workers import ShardedFleet
from sightline.types import RolloutStats, SchedulerStats, StreamStats

_LOOK_S = 0.2
"""Whether all streams have ended is looked at so often."""

_LOAD_S = 0.3
"""Models that are still being loaded when all else has ended are waited for so long."""

log = logging.getLogger(__name__)


class Installation:
    """An application that is watched, and served where the configuration says so.

    ``run`` does everything that ``sightline run`` and ``sightline serve`` promise.

    Args:
        configuration: the whole of it.
        files: that no client's stream may write, by what they are called.
    """

    def __init__(
        self, configuration: Configuration, files: Mapping[str, Path] | None = None
    ) -> None:
        self._files = files or {}
        self.configuration = configuration
        self.meter = PrometheusMeter(
            self._streams,
            self._queues,
            self._restarts,
            self._rollouts,
            None if configuration.history is None else self._lost_minutes,
        )
        counts = ModelCounts(self.meter)
        self.application = Application(configuration, counts)
        self.application.history.models = self._counts = counts
        self._webhook, self._mailer = Webhook(), Mailer(configuration.mail)
        self._alerts = self._rules()
        self.failure: Exception | None = None
        """What a model failed with at the start."""
        self._ended = False
        self._stop_service: Callable[[], None] = lambda: None
        self.last: Mapping[str, StreamStats] = {}
        """What the streams had done when ``run`` was over."""
        self.last_rollouts: Mapping[str, RolloutStats] = {}
        """What had come of second models by then."""

    def run(self) -> None:
        """Run until the process is told to end; without a service, until all streams have ended.

        With a service it answers ``/health`` at once and ``/ready`` as soon as its models are.

        Raises:
            SightlineError: a model cannot be used, or the service cannot listen.
        """
        with ExitStack() as stack:
            stack.callback(self.application.close)
            stack.callback(self._note_streams)
            stack.callback(self._webhook.close)
            stack.callback(self._mailer.close)
            stack.callback(self._alerts.close)
            opening = threading.Thread(target=self._open, name="open", daemon=True)
            if self.configuration.serving is None:
                opening.start()
                self._wait(opening)
            else:
                self._serve(stack, opening)
            self._end_opening(opening)
        if self.failure is not None:
            raise self.failure

    def end(self) -> None:
        """End ``run`` where it waits for streams. From any thread, or a signal."""
        self._ended = True

    def _wait(self, opening: threading.Thread) -> None:
        fleet = self.application.fleet
        while not self._ended:  # no Event: a signal's handler that waits for its lock would hang
            time.sleep(_LOOK_S)
            if not opening.is_alive() and all(
                one.state in ("ended", "failed") for one in fleet.stats().values()
            ):
                return

    def _end_opening(self, opening: threading.Thread) -> None:
        """Do not wait for models: what loads them ends with the process, which nothing can interrupt."""
        opening.join(_LOAD_S)
        if opening.is_alive() and not self.application.stop_opening():
            opening.join()  # it starts streams, whose outputs must be closed

    def _note_streams(self) -> None:
        self.last = self.application.fleet.stats()
        self.last_rollouts = self.application.rollouts.stats()

    def _serve(self, stack: ExitStack, opening: threading.Thread) -> None:
        from sightline.monitoring.tracing import tracing
        from sightline.serving.http.app import create_app
        from sightline.serving.http.server import Server
        from sightline.serving.http.state import ServiceState
        from sightline.serving.kserve.grpc_server import GrpcServer
        from sightline.serving.kserve.open_inference import OpenInference
        from sightline.serving.kserve.rest import router
        from sightline.serving.kserve.shared_memory import Regions

        options = self.configuration.serving
        assert options is not None
        application = self.application
        traces = tracing(options.trace_to)
        stack.callback(traces.close)
        regions = Regions() if options.shared_memory else None
        protocol = OpenInference(application.repository, options.limits, regions=regions)
        app = create_app(
            application.repository, application.scheduler, application.fleet, options, self.meter,
            routers=[router(protocol)], tracing=traces, observer=partial(self._answered, "http"),
            classifiers=application.classifiers, clash=partial(added_stream_conflict, self.configuration, self._files),
            stage_models={*self.configuration.models, *bundled_files()}, search=application.search,
            rollouts=lambda: application.rollouts.by_model, reports=application.history.reports,
        )  # fmt: skip
        grpc = GrpcServer(protocol, options, partial(self._answered, "grpc"))
        server = Server(app, options, [] if options.grpc_port is None else [grpc])
        state: ServiceState = app.state.service
        protocol.ready_too = lambda: not state.draining
        self._stop_service = server.stop
        opening.start()
        server.run()

    def _open(self) -> None:
        try:
            self.application.open()
            self._alerts.start()
        except Exception as exc:  # noqa: BLE001 - `run` raises it in the caller's thread
            if not self.application.stopped:
                self.failure = exc
            self.end()
            self._stop_service()

    def _answered(self, protocol: str, route: str, code: str | int, seconds: float) -> None:
        self.meter.answered(protocol, route, code, seconds)
        self._counts.answered(code, seconds)

    def _streams(self) -> Mapping[str, StreamStats]:
        return self.application.fleet.stats()

    def _queues(self) -> SchedulerStats:
        return self.application.scheduler.stats()

    def _rollouts(self) -> Mapping[str, RolloutStats]:
        return self.application.rollouts.stats()

    def _lost_minutes(self) -> int:
        return self.application.history.lost_minutes

    def _restarts(self) -> int:
        fleet = self.application.fleet
        return fleet.restarts if isinstance(fleet, ShardedFleet) else 0

    def _rules(self) -> AlertRules:
        values = WatchedValues(
            self.meter,
            self._streams,
            frozenset(self.configuration.streams),
            rollouts=self._rollouts,
            folders=written_folders(self.configuration),
        )
        return AlertRules(self.configuration.alerts, values, (to_log, self._webhook, self._mailer))

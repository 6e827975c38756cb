"""Several streams at once: each in a thread of its own, none stopping another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from sightline.runtime.streams.stream import Stream


def run_all(
    streams: Sequence[Stream],
    *,
    jobs: int,
    tick: Callable[[], None],
    turns: Sequence[Stream] | None = None,
    interval_s: float = 0.2,
) -> None:
    """Run all streams until each has ended.

    Those in ``turns`` (all by default) run ``jobs`` at a time. The others run at once: they are
    live or never end, so they must neither wait for a place nor take one.

    ``tick`` is called in the calling thread every ``interval_s`` and once at the end. A failure of
    a source, a model or a sink is in its stream's result. KeyboardInterrupt stops every stream,
    waits until they have ended and goes on to the caller; so does any other exception, which is a
    defect and not a stream's own failure.
    """
    waiting = set(streams if turns is None else turns)
    others = len(streams) - len(waiting)
    pools = {
        takes_turns: ThreadPoolExecutor(max_workers=max(1, places), thread_name_prefix="stream")
        for takes_turns, places in ((True, jobs), (False, others))
    }
    futures = [pools[stream in waiting].submit(stream.run) for stream in streams]
    try:
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=interval_s, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            tick()
    except BaseException:  # Ctrl-C or a defect: either goes on when the streams have ended
        for future in futures:
            future.cancel()
        for stream in streams:
            stream.stop()
        raise
    finally:
        for pool in pools.values():
            pool.shutdown()

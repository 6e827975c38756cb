"""CpuLimiter: how many work at a time, and who is next."""

from __future__ import annotations

import threading

from tests.waiting import wait_for

from sightline.runtime.streams.cpu_limiter import CpuLimiter


def test_decoded_frames_go_before_those_that_are_yet_to_be_decoded() -> None:
    turns = CpuLimiter(1)
    order: list[str] = []

    def decode() -> None:
        turns.start_decoding()
        order.append("decode")
        turns.end_decoding()

    def analyze() -> None:
        with turns:
            order.append("analyse")

    with turns:
        threads = [threading.Thread(target=decode) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(turns._decoders) == 2, "two decoders wait")
        threads += [threading.Thread(target=analyze) for _ in range(2)]
        for thread in threads[2:]:
            thread.start()
        wait_for(lambda: len(turns._waiting) == 2, "two others wait")
    for thread in threads:
        thread.join(10)
    assert order == ["analyse", "analyse", "decode", "decode"]


def test_decoders_never_have_all_turns() -> None:
    turns = CpuLimiter(3)
    for _ in range(2):
        turns.start_decoding()
    third = threading.Thread(target=turns.start_decoding)
    third.start()
    wait_for(lambda: len(turns._decoders) == 1, "the third decoder waits")
    with turns:
        pass  # it would wait for ever
    turns.end_decoding()
    third.join(10)
    assert not third.is_alive()


def test_no_more_than_so_many_work_at_a_time() -> None:
    turns = CpuLimiter(3)
    inside = most = 0
    lock = threading.Lock()

    def work(decodes: bool) -> None:
        nonlocal inside, most
        for _ in range(200):
            if decodes:
                turns.start_decoding()
            else:
                turns.__enter__()
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            if decodes:
                turns.end_decoding()
            else:
                turns.__exit__(None, None, None)

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert inside == 0
    assert 1 <= most <= 3
    with turns, turns, turns:
        pass  # all three are free again

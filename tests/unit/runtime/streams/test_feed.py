"""What streams see, handed to subscribers; a slow one loses the oldest, and nobody waits."""

from __future__ import annotations

import json
from collections.abc import Callable

from sightline.runtime.streams.feed import FEED_DEPTH, Feed, FeedItem, Newest
from sightline.types import Detections, Observation, StreamInfo

Observe = Callable[..., Observation]


def item(number: int) -> FeedItem:
    return FeedItem("gate", str(number))


def test_each_subscriber_gets_what_comes_from_then_on() -> None:
    feed = Feed()
    feed.hand_out(item(0))
    with feed.subscribe() as one:
        feed.hand_out(item(1))
        with feed.subscribe() as other:
            feed.hand_out(item(2))
        feed.hand_out(item(3))
    feed.hand_out(item(4))
    assert [one.get_nowait().line for _ in range(one.qsize())] == ["1", "2", "3"]
    assert [other.get_nowait().line for _ in range(other.qsize())] == ["2"]
    assert feed.lost == 0


def test_a_slow_subscriber_loses_the_oldest_which_are_counted() -> None:
    feed = Feed()
    with feed.subscribe() as slow, feed.subscribe() as quick:
        for number in range(FEED_DEPTH + 3):
            feed.hand_out(item(number))
            quick.get_nowait()
        assert slow.qsize() == FEED_DEPTH
        assert slow.get_nowait().line == "3"
    assert feed.lost == 3


def test_a_subscriber_that_fails_is_forgotten() -> None:
    feed = Feed()
    try:
        with feed.subscribe():
            raise ValueError
    except ValueError:
        feed.hand_out(item(1))
    assert feed._readers == []


def test_lines_are_those_of_the_json_lines_output(observe: Observe) -> None:
    feed = Feed()
    seen = observe("größe", 3, boxes=[[1, 2, 3, 4, 0.5, 2, 7]])
    with feed.subscribe() as reader:
        feed.publish(seen)
    found = reader.get_nowait()
    assert found.stream == "größe"
    told = json.loads(found.line)
    assert (told["frame"], told["objects"][0]["track_id"]) == (3, 7)


def test_the_newest_observation_is_kept_until_the_stream_ends(observe: Observe) -> None:
    saw: list[Detections] = []
    newest = Newest(Feed(), saw.append)
    newest.open(StreamInfo("gate", 96, 64))
    assert (newest.observation, newest.version) == (None, 0)
    one, other = observe("gate", 0), observe("gate", 1)
    newest.write(one)
    newest.write(other)
    assert newest.observation is other
    assert newest.version == 2
    assert saw == [one.detections, other.detections]
    newest.close()
    assert newest.observation is None

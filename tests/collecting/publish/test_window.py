"""What was sent and is not acknowledged yet: how much of it there may be."""

from typing import cast

from confluent_kafka import Message

from collecting.publish.producer import ProducerSettings
from collecting.publish.window import Window
from contract.spool.position import Position

MESSAGE = cast(Message, None)


def test_it_is_full_by_bytes_until_they_are_acknowledged() -> None:
    window = Window(ProducerSettings("h:1", "t", in_flight_bytes=200))
    first, second = (window.add(Position(1, at, at, 0), 100) for at in (1, 2))
    assert window.full
    second.delivered(None, MESSAGE)
    assert window.reap() == []
    assert window.full, "what is behind the first one still waits"
    first.delivered(None, MESSAGE)
    assert window.reap() == [first, second]
    window.add(Position(1, 3, 3, 0), 199)
    assert not window.full

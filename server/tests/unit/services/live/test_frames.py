"""A frame is the same bytes for everybody, plain or deflated, and any client reads it."""

import json
import zlib

import pytest
from websockets.client import ClientProtocol
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WebSocketFrame
from websockets.protocol import State
from websockets.uri import parse_uri

from src.services.live.frames import DEFLATED_FROM_BYTES, Event, write


def read(data: bytes, *extensions: Extension) -> list[bytes]:
    """Read messages as a client does that agreed on these extensions."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN)
    client.extensions = list(extensions)
    client.receive_data(data)
    return [bytes(frame.data) for frame in client.events_received() if isinstance(frame, WebSocketFrame)]


@pytest.mark.parametrize("size", [0, 125, 126, DEFLATED_FROM_BYTES, 65_535, 65_536, 300_000])
def test_clients_read_what_was_written_however_large_it_is(size: int) -> None:
    data = "xyz" * (size // 3)
    frames = [write(Event("test", data), seq) for seq in (7, 8)]
    deflate = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=zlib.MAX_WBITS,
        local_max_window_bits=zlib.MAX_WBITS,
    )

    assert read(b"".join(frame.for_websocket for frame in frames)) == [frame.json for frame in frames]
    assert read(b"".join(frame.deflated_for_websocket for frame in frames), deflate) == [frame.json for frame in frames]
    assert json.loads(frames[1].text) | {"at": None} == {
        "type": "test",
        "seq": 8,
        "at": None,
        "data": "xyz" * (size // 3),
    }


def test_large_frames_are_deflated_once_and_small_ones_not_at_all() -> None:
    large, small = write(Event("test", "x" * 100_000), 1), write(Event("test", "x"), 2)

    assert len(large.deflated_for_websocket) < 1_000
    assert large.deflated_for_websocket is large.deflated_for_websocket
    assert small.deflated_for_websocket is small.for_websocket

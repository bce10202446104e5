"""Frames of the live stream: each is serialized once, and encoded once per encoding for all sockets."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode

#: Smaller messages are not deflated: they would not need fewer packets.
DEFLATED_FROM_BYTES = 1_024
#: A frame of 300 KB takes 2 ms and shrinks to 50 KB. A higher level would block the loop for longer.
DEFLATE_LEVEL = 1


#: The type of the event that says only that the stream goes on.
HEARTBEAT = "ping"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as JSON-ready data."""

    type: str
    data: Any


@dataclass(frozen=True)
class Frame:
    """A message of the stream.

    Attributes:
        seq: its number.
        json: `{type, seq, at, data}`.
        stream: the stream that the number belongs to.
        is_heartbeat: it says only that the stream goes on.
    """

    seq: int
    json: bytes
    stream: str = ""
    is_heartbeat: bool = False

    @property
    def text(self) -> str:
        """The message as text."""
        return self.json.decode()

    @cached_property
    def for_event_stream(self) -> bytes:
        """As Server-Sent Events have it (HTML, 9.2.5), the same to everybody; a heartbeat is a comment."""
        return (
            b": ping\n\n"
            if self.is_heartbeat
            else b"id: %b-%d\ndata: %b\n\n"
            % (
                self.stream.encode(),
                self.seq,
                self.json,
            )
        )

    @cached_property
    def for_websocket(self) -> bytes:
        """Bytes of the WebSocket frame (RFC 6455, 5.2), the same for every client: servers do not mask."""
        return WebSocketFrame(Opcode.TEXT, self.json).serialize(mask=False)

    @cached_property
    def deflated_for_websocket(self) -> bytes:
        """Bytes of the frame with `permessage-deflate` (RFC 7692), the same for every client: no context takeover."""
        if len(self.json) < DEFLATED_FROM_BYTES:
            return self.for_websocket
        deflate = PerMessageDeflate(
            remote_no_context_takeover=True,
            local_no_context_takeover=True,
            remote_max_window_bits=zlib.MAX_WBITS,
            local_max_window_bits=zlib.MAX_WBITS,
            compress_settings={"level": DEFLATE_LEVEL},
        )
        return WebSocketFrame(Opcode.TEXT, self.json).serialize(mask=False, extensions=[deflate])


#: Sends a frame if that is possible without waiting; returns whether it did.
SendNow = Callable[[Frame], bool]


def write(event: Event, seq: int, stream: str = "") -> Frame:
    """Write an event as a frame of a stream."""
    message = {"type": event.type, "seq": seq, "at": datetime.now(UTC), "data": event.data}
    return Frame(seq, orjson.dumps(message, option=orjson.OPT_UTC_Z), stream, event.type == HEARTBEAT)

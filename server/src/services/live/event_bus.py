"""The live stream: one sequence of frames, each serialized once and sent to every watcher as the same bytes."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from time import monotonic, perf_counter

from src.services.live.frames import Event, Frame, SendNow, write
from src.services.live.recent_frames import RecentFrames

WATCHERS_MAX = 1_250
WATCHERS_OF_ONE_CALLER_MAX = 50
#: Above this many connections a caller may hold only a few: the rest is reserved for new callers.
CROWDED_FROM = 1_000
WATCHERS_OF_ONE_CALLER_MAX_IN_A_CROWD = 3
#: Bytes of frames buffered per watcher; one that falls behind gets a resync instead.
BEHIND_BYTES_MAX = 256 * 1024
#: How long a broadcast may occupy the loop before it yields, and for how long it yields.
HANDS_OUT_FOR_S = 0.002
TURN_OF_OTHERS_S = 0.004
#: Watchers that re-read per second, if all must; a page makes two or three calls of some 4 ms.
READ_AGAIN_PER_S = 25
#: Of the name that tells one process's numbers from another's.
STREAM_NAME_BYTES = 8


class Watcher:
    """The buffer of one watcher. Adding a frame never blocks; the sending task takes one after the other.

    If the sending task is idle, a frame is written immediately: waking a task for each of a thousand watchers takes
    several times as long as writing to their sockets.

    Args:
        resync: creates the frame that replaces missed frames, up to a sequence number.
        send_now: used while the buffer is empty and the sending task is waiting.
    """

    def __init__(self, resync: Callable[[int], Frame], send_now: SendNow = lambda _: False) -> None:
        self._resync = resync
        self._send_now = send_now
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._missed_up_to: int | None = None
        self._wake: asyncio.Future[None] | None = None

    def put(self, frame: Frame) -> None:
        """Send a frame or buffer it. If the buffer is full, it is replaced by a single `resync`."""
        is_idle = self._wake is not None and not self._wake.done()
        if is_idle and self._send_now(frame):
            return
        is_behind = self._missed_up_to is not None
        if is_behind or (self._frames and self._bytes + len(frame.json) > BEHIND_BYTES_MAX):
            self._frames.clear()
            self._bytes = 0
            self._missed_up_to = frame.seq
        else:
            self._frames.append(frame)
            self._bytes += len(frame.json)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self) -> Frame:
        """Wait for the next frame and take it; by one task at a time."""
        while not self._frames:
            if self._missed_up_to is not None:
                missed, self._missed_up_to = self._missed_up_to, None
                return self._resync(missed)
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        frame = self._frames.popleft()
        self._bytes -= len(frame.json)
        return frame


class Room:
    """What the streams of a server share: the places of watchers, and the end of all of them."""

    def __init__(self) -> None:
        self.places: Counter[str] = Counter()
        #: Set when the server is about to stop: streams of events end.
        self.ending = asyncio.Event()


class EventBus:
    """Numbers published events and broadcasts them to the watchers. Belongs to one event loop.

    Sequence numbers belong to the stream, not to a watcher: they increase by one per frame, and restart with the
    process.

    Args:
        pause: lets others have the loop, seconds.
        clock: the time, seconds.
        now_s: the same, for how long frames are kept.
        room: shared with other streams; its own when missing.
    """

    def __init__(
        self,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = perf_counter,
        now_s: Callable[[], float] = monotonic,
        room: Room | None = None,
    ) -> None:
        room = room or Room()
        self._pause = pause
        self._clock = clock
        self._stream = token_hex(STREAM_NAME_BYTES)
        self._recent = RecentFrames(self._stream, now_s)
        self._watchers: set[Watcher] = set()
        self._places = room.places
        self._connecting = 0
        self._seq = 1
        self._published: list[Event] = []
        #: Set when something was published; cleared by the broadcasting task.
        self.news = asyncio.Event()
        self.ending = room.ending

    @property
    def watchers(self) -> int:
        """Number of watchers."""
        return len(self._watchers)

    @property
    def watched(self) -> bool:
        """Whether anybody watches, connects or may come back; if not, nobody need find out what there is to tell."""
        return bool(self._watchers) or self._connecting > 0 or self._recent.are_kept

    @property
    def spread_s(self) -> float:
        """Time over which watchers should spread their re-reads, seconds."""
        return len(self._watchers) / READ_AGAIN_PER_S

    @property
    def places_taken(self) -> int:
        """Number of places held by watchers, including those still connecting."""
        return self._places.total()

    def is_full_for(self, caller: str) -> bool:
        """Whether another watcher of this caller would exceed a limit."""
        taken, held = self.places_taken, self._places[caller]
        is_crowded = taken >= CROWDED_FROM
        held_max = WATCHERS_OF_ONE_CALLER_MAX_IN_A_CROWD if is_crowded else WATCHERS_OF_ONE_CALLER_MAX
        return taken >= WATCHERS_MAX or held >= held_max

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """Hold a place for a watcher, from before its handshake to its end."""
        self._places[caller] += 1
        self._connecting += 1
        try:
            yield
        finally:
            self._connecting -= 1
            self._places[caller] -= 1
            if not self._places[caller]:
                del self._places[caller]

    @contextmanager
    def watching(self, greeting: Callable[[float], Event], send_now: SendNow = lambda _: False) -> Iterator[Watcher]:
        """Register a watcher: it gets a greeting with the number of the last frame, then every frame from now on.

        Args:
            greeting: creates the greeting from `spread_s`.
            send_now: see `Watcher`.
        """
        with self._taking(send_now) as watcher:
            watcher.put(self._write(greeting(self.spread_s), self._seq))
            yield watcher

    @contextmanager
    def following(self, greeting: Callable[[float], Event], last_id: str | None) -> Iterator[Watcher]:
        """Watch, so that who comes back in time is told what it missed.

        After the greeting come the frames that were missed, or `resync` where it is not known which.

        Args:
            greeting: see `watching`.
            last_id: the id of the last frame that the client got, if it was here before.
        """
        missed = self._recent.missed_since(last_id, self._seq) if last_id is not None else ()
        with self._recent.followed(), self._taking() as watcher:
            # Numbered like what is known to have arrived: the client may leave before it gets the rest.
            begin = missed[0].seq - 1 if missed else self._seq
            watcher.put(self._write(greeting(self.spread_s), begin))
            if missed is None:
                watcher.put(self._write(self.resync(), self._seq))
            for frame in missed or ():
                watcher.put(frame)
            yield watcher

    @contextmanager
    def _taking(self, send_now: SendNow = lambda _: False) -> Iterator[Watcher]:
        watcher = Watcher(lambda seq: self._write(self.resync(), seq), send_now)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _write(self, event: Event, seq: int) -> Frame:
        return write(event, seq, self._stream)

    def resync(self) -> Event:
        """Return the event that tells watchers to re-read everything, some time within `spread_s`."""
        return Event("resync", {"spread_s": self.spread_s})

    def publish(self, event: Event) -> None:
        """Publish an event; dropped if there are no watchers."""
        if self.watched:
            self._published.append(event)
            self.news.set()

    @property
    def published(self) -> int:
        """Number of published events not yet taken."""
        return len(self._published)

    def take_published(self) -> list[Event]:
        """Take the events published since the last call, in order."""
        published, self._published = self._published, []
        return published

    async def hand_out(self, event: Event) -> None:
        """Give an event the next number, serialize it once, and send it to every current watcher.

        A thousand socket writes in a row would block the loop for 40 ms, so it yields in between.
        """
        self._seq += 1
        frame = self._write(event, self._seq)
        self._recent.keep(frame)
        began_s = self._clock()
        for watcher in list(self._watchers):
            watcher.put(frame)
            if self._clock() - began_s >= HANDS_OUT_FOR_S:
                await self._pause(TURN_OF_OTHERS_S)
                began_s = self._clock()

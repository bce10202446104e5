"""A lane's standing with its receiver: probes, consecutive failures, and the consequences of an attempt."""

import random
from functools import partial

from src.services.delivery.attempt_records import Persistence
from src.services.delivery.attempts import Tried
from src.services.delivery.decision import (
    Done,
    Next,
    PauseLane,
    PauseReceiver,
    RetryRules,
    Standing,
    decide,
    nobody_there,
    somebody_there,
)
from src.services.delivery.pauses import NOT_HELD, Held, Pauses, Streaks
from src.services.requests.records import LaneKey, OwedCallback, Pause


class LaneStanding:
    """The standing of one lane.

    Args:
        lane: identifies the lane.
        pauses: all pauses.
        streaks: consecutive failures.
        retries: the retry schedule.
        persistence: the lane's access to the database.
    """

    def __init__(
        self, lane: LaneKey, *, pauses: Pauses, streaks: Streaks, retries: RetryRules, persistence: Persistence
    ) -> None:
        self._lane = lane.whole  # shared by its sequences
        self._everybody = LaneKey("", lane.receiver)
        self._pauses = pauses
        self._streaks = streaks
        self._retries = retries
        self._persistence = persistence
        #: The pauses that the next attempt probes.
        self.probing: Held = NOT_HELD

    @property
    def paused(self) -> bool:
        """Whether the lane may not send, not even a probe."""
        return not self.probing and bool(self._pauses.of(self._lane))

    def probe(self) -> None:
        """Make the next attempt a probe of the lane's pauses."""
        self.probing = self._pauses.probe(self._lane)

    def end_probe(self) -> None:
        """End the probe, so that other lanes may probe."""
        self._pauses.release(self.probing)
        self.probing = NOT_HELD

    async def end_unused_pauses(self) -> None:
        """End the pauses being probed if no sequence of the lane has anything to send."""
        if not await self._persistence.run(partial(self._pauses.is_owed, self._lane)):
            await self._end(self.probing.lane, self.probing.receiver)
        self.end_probe()

    def decide(self, callback: OwedCallback, tried: Tried) -> Next:
        """Decide what follows an attempt."""
        held = self._pauses.of(self._lane)  # it may have been resumed in the meantime
        standing = Standing(
            lane=self._lane,
            attempts_in_series=callback.attempts + 1 - callback.series_start,
            lane_pause=held.lane if self.probing.lane else None,
            receiver_pause=held.receiver if self.probing.receiver else None,
            used_up_in_row=self._streaks[self._lane],
            unreachable_in_row=self._streaks[self._everybody],
        )
        chance = random.random()  # noqa: S311  spreads load; guards nothing
        return decide(tried.outcome, standing, self._retries, now=tried.ended_at, chance=chance)

    async def follow(self, step: Next, tried: Tried) -> None:
        """Apply a decision to the lane and its receiver."""
        held = self._pauses.of(self._lane)
        if somebody_there(tried.outcome):
            self._streaks.end(self._everybody)
            await self._end(held.receiver)
        match step:
            case Done(used_up=False):
                self._streaks.end(self._lane)
                await self._end(held.lane)
            case Done():
                self._streaks.add(self._lane)
                if nobody_there(tried.outcome):
                    self._streaks.add(self._everybody)
            case PauseLane(pause) | PauseReceiver(pause):
                self._streaks.end(self._lane)
                self._streaks.end(self._everybody)
                await self._persistence.run(partial(self._pauses.save, self._pauses.begin(pause)))
        self.end_probe()

    async def _end(self, *pauses: Pause | None) -> None:
        for pause in filter(None, pauses):
            await self._persistence.run(partial(self._pauses.end, pause))

"""The state of the engine, as far as a caller may see it."""

from dataclasses import replace

from src.services.engine.protocol import Engine, EngineState
from src.services.identity.caller import View
from src.services.requests.reader import RequestReader


async def visible_state(reader: RequestReader, engine: Engine, view: View) -> EngineState:
    """Return what the engine does, without ids and counts of other accounts."""
    state = engine.state()
    if view.covers_service:
        return state
    lanes = [lane for lane in await engine.lanes() if view.shows_caller(lane.key.caller)]
    is_own = state.busy_with is not None and await reader.get(state.busy_with, view) is not None
    return replace(
        state,
        busy_with=state.busy_with if is_own else None,
        callbacks_in_flight=sum(lane.in_flight for lane in lanes),
        delivery=None,
    )

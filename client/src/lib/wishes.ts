import { createStore } from './store'

/** Somebody asked for a race from another view; the playground starts it once it is there. */
export const startRace = createStore(false)

import { createStore } from './store'

/** Whether the server answered when it was last asked. */
export const reachable = createStore(true)

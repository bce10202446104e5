import type { QueryClient } from '@tanstack/react-query'
import ReconnectingWebSocket from 'partysocket/ws'
import { createStore } from '@/lib/store'
import { applyBatch } from './cache'
import { collect, emptyBatch, isEmpty, type Batch, type LiveEvent } from './events'
import { createEventStream } from './eventStream'
import { createRefresher } from './refresher'
import { addressOf } from './tickets'

/** `polling`: there is neither socket nor stream, so the page asks every two seconds. */
export type LiveState = 'connecting' | 'live' | 'polling'

export const liveState = createStore<LiveState>('connecting')

/** How long the page waits for a socket before it begins to ask by itself. */
const PATIENCE_MS = 3_000
/** Silence of so many heartbeats means that the connection is dead, whatever the browser thinks. */
const HEARTBEATS_MISSED = 2.5

/** A socket that failed so often without a word may be one that a proxy does not let through. */
const FAILURES_BEFORE_STREAM = 2

/**
 * Keep the query cache up to date from the live stream. Returns a function that stops it.
 *
 * Where the WebSocket does not get through, the same events come as Server-Sent Events over plain HTTP.
 */
export function startLive(client: QueryClient, url: string, streamUrl: string): () => void {
  let spreadMs = 0
  const refresh = createRefresher(client, () => spreadMs)
  const buffer = createBuffer((batch) => applyBatch(client, batch).forEach(refresh))
  const patience = createPatience()
  let lastSeq: number | null = null
  let heartbeatMs = 15_000
  let silence: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  const resync = () => buffer.add({ type: 'resync', seq: 0, at: '' })
  const take = (event: LiveEvent) => {
    if (event.type === 'hello') heartbeatMs = event.data.heartbeat_s * 1_000
    spreadMs = spreadOf(event) ?? spreadMs
    buffer.add(event)
  }

  const socket = new ReconnectingWebSocket(() => Promise.resolve(addressOf(url)), [], {
    // Random, so that all pages do not come back in the same moment after a restart.
    minReconnectionDelay: 500 + Math.random() * 500,
    maxReconnectionDelay: 4_000 + Math.random() * 2_000,
    reconnectionDelayGrowFactor: 1.5,
    connectionTimeout: 4_000,
  })
  const stream = createEventStream(() => addressOf(streamUrl), {
    begin(isNew) {
      patience.end()
      if (!isNew) return
      failures = 0
      resync()
    },
    take,
    lose() {
      patience.begin()
    },
    end() {
      patience.begin()
      failures = 0
      socket.reconnect()
    },
  })

  socket.addEventListener('message', (message) => {
    const event = JSON.parse(String(message.data)) as LiveEvent
    // An open socket may be closed again at once; only one that speaks is live.
    const isFirst = lastSeq === null
    if (isFirst) {
      failures = 0
      stream.stop()
      patience.end()
    }
    if (isFirst || event.seq !== Number(lastSeq) + 1) resync()
    lastSeq = event.seq
    take(event)
    clearTimeout(silence)
    silence = setTimeout(() => socket.reconnect(), heartbeatMs * HEARTBEATS_MISSED)
  })
  socket.addEventListener('close', () => {
    clearTimeout(silence)
    lastSeq = null
    failures += 1
    if (!stream.speaks()) patience.begin()
    // A server that was away has both again, and the socket takes none of the browser's few connections: it may try
    // once more while the stream is there already.
    else if (failures >= FAILURES_BEFORE_STREAM) return socket.close()
    if (failures >= FAILURES_BEFORE_STREAM) stream.start()
  })
  return () => {
    clearTimeout(silence)
    stream.stop()
    socket.close()
    patience.stop()
    buffer.stop()
    refresh.stop()
  }
}

/** Over how long to spread what every page reads again at once, where a frame says so. */
function spreadOf(event: LiveEvent): number | undefined {
  const data =
    event.type === 'hello' || event.type === 'events' || event.type === 'resync' ? event.data : undefined
  return data && data.spread_s * 1_000
}

/** Waits for a socket that speaks; every failed try belongs to the same wait, else the polling would never begin. */
function createPatience() {
  const lose = () => {
    timer = undefined
    liveState.set('polling')
  }
  let timer: ReturnType<typeof setTimeout> | undefined = setTimeout(lose, PATIENCE_MS)
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
  }
  return {
    begin() {
      if (liveState.get() === 'polling') return
      liveState.set('connecting')
      timer ??= setTimeout(lose, PATIENCE_MS)
    },
    end() {
      stop()
      liveState.set('live')
    },
    stop,
  }
}

/** Gathers events and hands them on once per animation frame; a hidden page gathers until it is looked at. */
export function createBuffer(flush: (batch: Batch) => void) {
  let batch = emptyBatch()
  let frame: number | null = null

  const run = () => {
    frame = null
    const full = batch
    batch = emptyBatch()
    if (!isEmpty(full)) flush(full)
  }
  const schedule = () => {
    if (frame === null && !document.hidden) frame = requestAnimationFrame(run)
  }
  document.addEventListener('visibilitychange', schedule)
  return {
    add(event: LiveEvent) {
      collect(batch, event)
      schedule()
    },
    stop() {
      document.removeEventListener('visibilitychange', schedule)
      if (frame !== null) cancelAnimationFrame(frame)
    },
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'

const serverFolder = resolve(import.meta.dirname, '../../server')
const READY_WITHIN_MS = 60_000
const STOPPED_WITHIN_MS = 20_000
const FIRST_PORT = 23_000
const LAST_PORT = 32_000
const PORTS_TRIED_MAX = 20

export type RunningServer = { url: string; port: number; stop: () => Promise<void> }

/** Start the real server, with the embedded PostgreSQL under `dataDir`, and wait until it is ready. */
export async function startServer(dataDir: string, port: number, extra: Record<string, string> = {}) {
  const python = process.env.SERVER_PYTHON ?? resolve(serverFolder, '.venv/bin/python')
  const url = `http://localhost:${port}`
  const log = openSync(join(dataDir, 'server.log'), 'a')
  const child = spawn(python, ['-m', 'src'], {
    cwd: serverFolder,
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      PORT: String(port),
      PUBLIC_BASE_URL: url,
      DATA_DIR: dataDir,
      DATABASE_URL: '',
      SIMULATED_MS_PER_TRANSACTION: '5',
      RATE_LIMIT_ASYNC: 'off',
      RATE_LIMIT_SYNC: 'off',
      CALLBACK_RETRY_DELAYS: '1,2,3',
      ...extra,
    },
  })
  await untilReady(url, child)
  return { url, port, stop: () => stop(child) } satisfies RunningServer
}

/**
 * A free port, of those that neither the system gives to outgoing connections nor the server's tests
 * give to their servers, which may run at the same time.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= PORTS_TRIED_MAX; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await isFree(port)) return port
  }
  throw new Error(`None of ${PORTS_TRIED_MAX} ports is free.`)
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + READY_WITHIN_MS
  while (Date.now() < until) {
    if (child.exitCode !== null)
      throw new Error(`The server ended with ${child.exitCode} before it was ready.`)
    const ready = await fetch(`${url}/api/health/ready`).catch(() => null)
    if (ready?.ok) return
    await new Promise((next) => setTimeout(next, 150))
  }
  child.kill('SIGTERM')
  throw new Error(`The server was not ready within ${READY_WITHIN_MS} ms.`)
}

/** Only the process that was started here, by its own id. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS)
  await ended
  clearTimeout(timer)
}

import { paths } from '@/lib/paths'
import { chooseTheme } from '@/lib/theme'
import { navigate, withSearch } from '@/lib/router'
import { findingOf } from '@/lib/finding'
import { showToast } from '@/lib/toasts'
import { startRace } from '@/lib/wishes'

export type Command = {
  name: string
  /** Other words that someone may type for it. */
  words?: string[]
  run: () => void
}

const go = (to: string) => () => navigate(to)
const history = (filters: Record<string, string>) => go(paths.history + withSearch('', filters))

export const views: Command[] = [
  { name: 'Playground', words: ['race', 'sync', 'async', 'home'], run: go(paths.playground) },
  { name: 'Queue', words: ['lanes', 'worker', 'fifo', 'depth'], run: go(paths.queue) },
  { name: 'History', words: ['requests', 'list'], run: go(paths.history) },
  { name: 'Resilience tests', words: ['checks', 'signature', 'verify'], run: go(paths.tests) },
  { name: 'Load tests', words: ['benchmark', 'runs', 'compare'], run: go(paths.load) },
  { name: 'Health', words: ['metrics', 'charts', 'status', 'monitoring'], run: go(paths.health) },
  { name: 'API explorer', words: ['openapi', 'curl', 'try'], run: go(paths.api) },
  { name: 'Account and API keys', words: ['sign in', 'key', 'scopes', 'limits'], run: go(paths.account) },
  { name: 'API documentation', words: ['swagger', 'docs'], run: () => location.assign('/docs') },
]

export const filters: Command[] = [
  {
    name: 'Undelivered callbacks',
    words: ['failed', 'given up'],
    run: history({ callback_status: 'FAILED' }),
  },
  {
    name: 'Pending and retrying callbacks',
    words: ['waiting', 'owed'],
    run: history({ callback_status: 'PENDING' }),
  },
  { name: 'Failed reports', words: ['error'], run: history({ status: 'FAILED' }) },
  { name: 'Queued requests', words: ['waiting', 'pending'], run: history({ status: 'PENDING' }) },
]

export const actions: Command[] = [
  {
    name: 'Race both',
    words: ['run', 'start', 'sync', 'async'],
    run: () => {
      navigate(paths.playground)
      startRace.set(true)
    },
  },
  { name: 'Copy a link to this view', words: ['share', 'url', 'address'], run: () => void copyLink() },
  { name: 'Light theme', words: ['appearance', 'colour'], run: () => chooseTheme('light') },
  { name: 'Dark theme', words: ['appearance', 'colour'], run: () => chooseTheme('dark') },
  { name: 'System theme', words: ['appearance', 'colour'], run: () => chooseTheme('system') },
]

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href)
    showToast({ tone: 'good', text: 'Link copied.' })
  } catch {
    showToast({ tone: 'bad', text: 'The browser blocked copying. Copy the address bar instead.' })
  }
}

/** What typed text leads to beside the commands. */
export function searchCommand(typed: string): Command | null {
  const found = findingOf(typed)
  return found && { name: found.name, run: go(found.to) }
}

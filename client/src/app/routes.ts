import {
  FlaskConical,
  HeartPulse,
  History,
  ListOrdered,
  Play,
  SquareTerminal,
  type LucideIcon,
} from 'lucide-react'
import type { ComponentType } from 'react'
import { lazyView } from '@/components/lazyView'
import { paths } from '@/lib/paths'
import PlaygroundPage from '@/pages/PlaygroundPage'

export type Route = { path: string; name: string; icon: LucideIcon; key: string; page: ComponentType }

const room = { height: 480, rows: 5 }

/** Not among the pages: who needs no key needs none of it. */
export const accountRoute = {
  path: paths.account,
  page: lazyView(() => import('@/pages/AccountPage'), room),
}

/** The playground comes with the first load: it is what most people see first. */
export const routes: Route[] = [
  { path: paths.playground, name: 'Playground', icon: Play, key: 'p', page: PlaygroundPage },
  {
    path: paths.queue,
    name: 'Queue',
    icon: ListOrdered,
    key: 'q',
    page: lazyView(() => import('@/pages/QueuePage'), room),
  },
  {
    path: paths.history,
    name: 'History',
    icon: History,
    key: 'h',
    page: lazyView(() => import('@/pages/HistoryPage'), room),
  },
  {
    path: paths.tests,
    name: 'Tests',
    icon: FlaskConical,
    key: 't',
    page: lazyView(() => import('@/pages/TestsPage'), room),
  },
  {
    path: paths.health,
    name: 'Health',
    icon: HeartPulse,
    key: 'e',
    page: lazyView(() => import('@/pages/HealthPage'), room),
  },
  {
    path: paths.api,
    name: 'API',
    icon: SquareTerminal,
    key: 'a',
    page: lazyView(() => import('@/pages/ApiPage'), room),
  },
]

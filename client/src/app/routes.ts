import { FlaskConical, History, ListOrdered, Play, SquareTerminal, type LucideIcon } from 'lucide-react'
import { lazy, type ComponentType } from 'react'
import { paths } from '@/lib/paths'
import PlaygroundPage from '@/pages/PlaygroundPage'

export type Route = { path: string; name: string; icon: LucideIcon; key: string; page: ComponentType }

/** The playground comes with the first load: it is what most people see first. */
export const routes: Route[] = [
  { path: paths.playground, name: 'Playground', icon: Play, key: 'p', page: PlaygroundPage },
  {
    path: paths.queue,
    name: 'Queue',
    icon: ListOrdered,
    key: 'q',
    page: lazy(() => import('@/pages/QueuePage')),
  },
  {
    path: paths.history,
    name: 'History',
    icon: History,
    key: 'h',
    page: lazy(() => import('@/pages/HistoryPage')),
  },
  {
    path: paths.tests,
    name: 'Tests',
    icon: FlaskConical,
    key: 't',
    page: lazy(() => import('@/pages/TestsPage')),
  },
  {
    path: paths.api,
    name: 'API',
    icon: SquareTerminal,
    key: 'a',
    page: lazy(() => import('@/pages/ApiPage')),
  },
]

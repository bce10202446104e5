import {
  BadgeCheck,
  CircleX,
  FileCheck2,
  Reply,
  Timer,
  TriangleAlert,
  WifiOff,
  type LucideIcon,
} from 'lucide-react'
import type { MarkKind } from './lanes'

export const markLooks: Record<MarkKind, { word: string; icon: LucideIcon; className: string }> = {
  acknowledged: { word: 'acknowledged', icon: Reply, className: 'text-accent' },
  generated: { word: 'report ready', icon: FileCheck2, className: 'text-running' },
  delivered: { word: 'callback acknowledged', icon: BadgeCheck, className: 'text-good' },
  undelivered: { word: 'callback given up', icon: CircleX, className: 'text-bad' },
  refused: { word: 'refused', icon: TriangleAlert, className: 'text-bad' },
  limited: { word: 'rate limit reached', icon: Timer, className: 'text-warn' },
  failed: { word: 'failed', icon: CircleX, className: 'text-bad' },
  unreachable: { word: 'no answer', icon: WifiOff, className: 'text-bad' },
}

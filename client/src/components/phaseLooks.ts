import type { PhaseKind } from '@/api/phases'

export const phaseLooks: Record<PhaseKind, { word: string; className: string }> = {
  held: { word: 'Connection held', className: 'held text-white' },
  queued: { word: 'Queued', className: 'bg-queued-fill text-slate-950' },
  generating: { word: 'Generating', className: 'bg-running-fill text-white' },
  backoff: { word: 'Waiting to send', className: 'waiting' },
  failing: { word: 'Failed attempt', className: 'bg-warn-fill text-slate-950' },
  delivering: { word: 'Callback delivered', className: 'bg-good-fill text-slate-950' },
}

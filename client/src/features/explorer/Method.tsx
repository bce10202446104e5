import { cx } from '@/lib/cx'

const colours: Record<string, string> = {
  GET: 'bg-running-soft text-running',
  POST: 'bg-good-soft text-good',
  DELETE: 'bg-bad-soft text-bad',
}

export function Method({ name }: { name: string }) {
  return (
    <span
      className={cx(
        'inline-block w-14 shrink-0 rounded px-1 py-0.5 text-center font-mono text-xs font-semibold',
        colours[name] ?? 'bg-warn-soft text-warn',
      )}
    >
      {name}
    </span>
  )
}

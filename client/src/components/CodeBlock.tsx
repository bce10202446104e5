import { cx } from '@/lib/cx'
import { CopyButton } from './CopyButton'
import { ScrollRegion } from './ScrollRegion'

/** Code or JSON with a copy button. */
export function CodeBlock({ code, label, wrap }: { code: string; label: string; wrap?: boolean }) {
  return (
    <div className="relative min-w-0">
      <ScrollRegion label={label} className="max-h-96 overflow-auto rounded-lg border border-line bg-raised">
        <pre
          className={cx(
            'p-3 pr-10 font-mono text-xs leading-relaxed',
            wrap && 'break-all whitespace-pre-wrap',
          )}
        >
          {code}
        </pre>
      </ScrollRegion>
      <CopyButton text={code} label={`Copy ${label}`} className="absolute top-2 right-2 bg-surface" />
    </div>
  )
}

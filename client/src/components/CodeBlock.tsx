import { cx } from '@/lib/cx'
import { CopyButton } from './CopyButton'
import { ScrollRegion } from './ScrollRegion'

/** Code or JSON. The copy button has a bar of its own: over the code it would hide the end of a line. */
export function CodeBlock({ code, label, wrap }: { code: string; label: string; wrap?: boolean }) {
  return (
    <div className="min-w-0 overflow-hidden rounded-lg border border-line bg-raised">
      <div className="flex items-center justify-between border-b border-line py-1 pr-1 pl-3 text-xs text-muted">
        <span className="first-letter:uppercase">{label}</span>
        <CopyButton text={code} label={`Copy ${label}`} withText="Copy" />
      </div>
      <ScrollRegion label={label} className="max-h-96 overflow-auto -outline-offset-2">
        <pre className={cx('p-3 font-mono text-xs leading-relaxed', wrap && 'break-all whitespace-pre-wrap')}>
          {code}
        </pre>
      </ScrollRegion>
    </div>
  )
}

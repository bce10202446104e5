import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { showToast } from '@/lib/toasts'
import { cx } from '@/lib/cx'

type CopyButtonProps = {
  text: string
  label: string
  /** Said beside the icon, where there is room. */
  withText?: string
  className?: string
}

export function CopyButton({ text, label, withText, className }: CopyButtonProps) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
      setTimeout(() => setCopied(false), 1_500)
    } catch {
      showToast({ tone: 'bad', text: 'The browser blocked copying. Select the text instead.' })
    }
  }
  const Icon = copied ? Check : Copy
  return (
    <button
      type="button"
      onClick={() => void copy()}
      aria-label={label}
      title={label}
      className={cx(
        'inline-flex min-h-6 min-w-6 items-center justify-center gap-1 rounded text-muted hover:bg-raised hover:text-ink',
        withText && 'px-2 text-xs font-medium hover:bg-surface',
        className,
      )}
    >
      <Icon aria-hidden size={14} className={copied ? 'text-good' : ''} />
      {withText && (copied ? 'Copied' : withText)}
    </button>
  )
}

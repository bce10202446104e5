import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { showToast } from '@/lib/toasts'
import { cx } from '@/lib/cx'

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
      setTimeout(() => setCopied(false), 1_500)
    } catch {
      showToast({ tone: 'bad', text: 'The browser did not allow copying. Select the text instead.' })
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
        'inline-flex min-h-6 min-w-6 items-center justify-center rounded text-muted hover:bg-raised hover:text-ink',
        className,
      )}
    >
      <Icon aria-hidden size={14} className={copied ? 'text-good' : ''} />
    </button>
  )
}

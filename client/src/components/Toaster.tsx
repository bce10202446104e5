import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { useStore } from '@/hooks/useStore'
import { dismissToast, toasts, type Toast } from '@/lib/toasts'
import { IconButton } from './Button'

/** Short messages in the corner, announced to screen readers. */
export function Toaster() {
  const shown = useStore(toasts)
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-20 z-40 flex flex-col items-end gap-2 md:bottom-4"
    >
      {shown.map((toast) => (
        <ToastView key={toast.key} toast={toast} />
      ))}
    </div>
  )
}

function ToastView({ toast }: { toast: Toast }) {
  const Icon = toast.tone === 'bad' ? CircleAlert : CircleCheck
  return (
    <div className="enter pointer-events-auto flex w-full max-w-sm items-center gap-2 rounded-lg border border-line-strong bg-surface py-2 pr-2 pl-3 shadow-lg">
      {toast.tone !== 'plain' && (
        <Icon aria-hidden size={16} className={toast.tone === 'bad' ? 'text-bad' : 'text-good'} />
      )}
      <span className="min-w-0 flex-1">{toast.text}</span>
      {toast.action && (
        <button
          type="button"
          className="rounded px-2 py-1 font-semibold text-accent hover:bg-raised"
          onClick={() => {
            toast.action?.run()
            dismissToast(toast.key)
          }}
        >
          {toast.action.label}
        </button>
      )}
      <IconButton label="Dismiss" onClick={() => dismissToast(toast.key)}>
        <X aria-hidden size={16} />
      </IconButton>
    </div>
  )
}

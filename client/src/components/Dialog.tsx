import { X } from 'lucide-react'
import { useLayoutEffect, useId, useRef, type ReactNode } from 'react'
import { cx } from '@/lib/cx'
import { IconButton } from './Button'
import { ScrollRegion } from './ScrollRegion'

type DialogProps = {
  title: ReactNode
  onClose: () => void
  /** `side`: a drawer along the right edge, the whole width on a phone. `top`: near the top, growing downwards. */
  place?: 'centre' | 'side' | 'top'
  /** Only its buttons close it: what it shows is shown once. */
  stays?: boolean
  /** Beside the close button. */
  actions?: ReactNode
  children: ReactNode
}

const places = {
  top: 'mx-auto mt-[12vh] mb-auto w-[min(92vw,36rem)] rounded-xl enter max-h-[80vh]',
  centre: 'm-auto w-[min(92vw,34rem)] rounded-xl enter max-h-[85vh]',
  side: 'ml-auto mr-0 my-0 h-dvh max-h-dvh w-full max-w-full sm:w-[min(94vw,44rem)] enter-side sm:border-l backdrop:bg-slate-950/20',
}

/**
 * The browser's own modal dialog: it makes the rest inert, closes on Escape and gives the focus back,
 * without the injected styles a strict Content-Security-Policy would refuse.
 */
export function Dialog({ title, onClose, place = 'centre', stays, actions, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])

  return (
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        if (!stays) onClose()
      }}
      closedby={stays ? 'none' : 'any'}
      className={cx(
        'flex-col overflow-hidden border-line bg-surface p-0 text-ink shadow-2xl open:flex',
        places[place],
      )}
    >
      <header className="flex items-center justify-between gap-3 border-b border-line px-4 py-3">
        <h2 id={titleId} className="min-w-0 truncate font-semibold">
          {title}
        </h2>
        <div className="flex shrink-0 items-center gap-1">
          {actions}
          <IconButton label="Close" onClick={onClose}>
            <X aria-hidden size={18} />
          </IconButton>
        </div>
      </header>
      <ScrollRegion
        label="Details"
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain -outline-offset-2"
      >
        {children}
      </ScrollRegion>
    </dialog>
  )
}

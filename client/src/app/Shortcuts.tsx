import { useEffect, useRef } from 'react'
import { Dialog } from '@/components/Dialog'
import { Kbd } from '@/components/Kbd'
import { isTaken, useKey } from '@/hooks/useKey'
import { navigate } from '@/lib/router'
import { routes } from './routes'

/** How long after `g` the second key still counts. */
const CHORD_MS = 1_200

const elsewhere: [string[], string][] = [
  [['Ctrl K', '⌘ K'], 'Commands: views, search and actions'],
  [['r'], 'Playground: race both'],
  [['/'], 'History: search'],
  [['j', 'k'], 'History: next and previous request, in the list and in the open one'],
  [['Enter'], 'History: open the focused request'],
  [['x'], 'History: select the focused row'],
  [['Esc'], 'Close the open dialog'],
  [['?'], 'Show this list'],
]

export function Shortcuts({ help, onHelp }: { help: boolean; onHelp: (open: boolean) => void }) {
  useKey('?', () => onHelp(true))
  useGoTo()
  if (!help) return null
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => onHelp(false)}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2.5 p-4">
        {routes.map((route) => (
          <Row key={route.path} keys={['g', route.key]} text={`Go to ${route.name}`} />
        ))}
        {elsewhere.map(([names, text]) => (
          <Row key={text} keys={names} text={text} />
        ))}
      </dl>
    </Dialog>
  )
}

function Row({ keys, text }: { keys: string[]; text: string }) {
  return (
    <>
      <dt className="flex gap-1">
        {keys.map((name) => (
          <Kbd key={name}>{name}</Kbd>
        ))}
      </dt>
      <dd>{text}</dd>
    </>
  )
}

/** `g`, then the page's letter. */
function useGoTo(): void {
  const pressedAt = useRef(0)
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (isTaken(event)) return
      const target = routes.find((route) => route.key === event.key)
      if (target && event.timeStamp - pressedAt.current < CHORD_MS) {
        event.preventDefault()
        navigate(target.path)
      }
      pressedAt.current = event.key === 'g' ? event.timeStamp : -CHORD_MS
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
}

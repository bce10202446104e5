import { Fragment, useState, type ReactNode } from 'react'
import { Card } from '@/components/Card'
import { SelectField, TextField } from '@/components/Field'
import { cx } from '@/lib/cx'
import { Method } from './Method'
import { byTag, type Operation } from './openapi'

type OperationListProps = {
  operations: Operation[]
  current: string | undefined
  onChoose: (id: string) => void
}

export function OperationList({ operations, current, onChoose }: OperationListProps) {
  const [text, setText] = useState('')
  const found = operations.filter(({ method, path, summary }) =>
    `${method} ${path} ${summary}`.toLowerCase().includes(text.toLowerCase()),
  )
  return (
    <Card>
      <div className="p-3 lg:hidden">
        <SelectField label="Operation" value={current} onChange={(event) => onChoose(event.target.value)}>
          {operations.map((operation) => (
            <option key={operation.id} value={operation.id}>
              {operation.method} {operation.path}
            </option>
          ))}
        </SelectField>
      </div>
      <div className="hidden lg:block">
        <div className="border-b border-line p-3">
          <TextField
            label="Find an operation"
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <nav aria-label="Operations" className="max-h-[calc(100dvh-16rem)] overflow-y-auto p-2">
          {byTag(found).map(([tag, group]) => (
            <section key={tag} className="mb-3">
              <h2 className="px-2 py-1 text-xs font-semibold text-muted">{tag}</h2>
              {group.map((operation) => (
                <button
                  key={operation.id}
                  type="button"
                  aria-current={operation.id === current}
                  onClick={() => onChoose(operation.id)}
                  className={cx(
                    'flex w-full items-baseline gap-2 rounded-md px-2 py-1.5 text-left -outline-offset-2',
                    operation.id === current ? 'bg-accent-soft' : 'hover:bg-raised',
                  )}
                >
                  <Method name={operation.method} />
                  <span className="min-w-0 font-mono text-xs break-words">{breakable(operation.path)}</span>
                </button>
              ))}
            </section>
          ))}
          {found.length === 0 && <p className="p-2 text-muted">No matches.</p>}
        </nav>
      </div>
    </Card>
  )
}

/** A path may break at its slashes, so that none of it has to be cut off. */
function breakable(path: string): ReactNode {
  return path.split(/(?=\/)/).map((part, index) => (
    // oxlint-disable-next-line react/no-array-index-key
    <Fragment key={index}>
      <wbr />
      {part}
    </Fragment>
  ))
}

import { useMutation } from '@tanstack/react-query'
import { Send, TriangleAlert } from 'lucide-react'
import { useId, useState, type FormEvent } from 'react'
import { Button } from '@/components/Button'
import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { InlineCode } from '@/components/InlineCode'
import { LackNote } from '@/components/LackNote'
import { Tabs } from '@/components/Tabs'
import { useStore } from '@/hooks/useStore'
import { toCurl, toJavaScript, toPython, type HttpCall } from '@/lib/curl'
import { session } from '@/lib/session'
import { asSample, missing, perform, toCall, type Values } from './call'
import { dangerOf, jsonProblem, type Danger } from './danger'
import { Method } from './Method'
import type { Operation } from './openapi'
import { ParameterFields } from './ParameterFields'
import { ReplyView } from './ReplyView'

/** One operation: fill it in, send it, see exactly what came back, take it along as code. */
export function OperationPanel({ operation }: { operation: Operation }) {
  const [values, setValues] = useState<Values>({})
  const [body, setBody] = useState(operation.exampleBody ?? '')
  const call = toCall(operation, values, body, location.origin)
  const sending = useMutation({ mutationFn: () => perform(call) })
  const lacking = missing(operation, values)
  const danger = dangerOf(operation)
  const [asking, setAsking] = useState(false)
  const wrongJson = jsonProblem(call)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (danger) setAsking(true)
    else sending.mutate()
  }
  return (
    <div className="grid min-w-0 gap-4">
      <Card>
        <form onSubmit={submit} className="grid gap-4 p-4">
          <div>
            <h2 className="flex flex-wrap items-center gap-2 text-base font-semibold">
              <Method name={operation.method} />
              <span className="font-mono break-all">{operation.path}</span>
            </h2>
            <p className="mt-1 text-muted">
              <InlineCode text={operation.description || operation.summary} />
            </p>
          </div>
          <ParameterFields
            parameters={operation.parameters}
            values={values}
            onChange={(name, value) => setValues({ ...values, [name]: value })}
          />
          {operation.exampleBody !== null && (
            <BodyField value={body} problem={wrongJson} onChange={setBody} />
          )}
          <div className="flex flex-wrap items-center gap-3">
            <Button
              type="submit"
              look={danger ? 'destructive' : 'primary'}
              scope={operation.scope ?? undefined}
              disabled={lacking.length > 0 || sending.isPending}
            >
              {danger ? <TriangleAlert aria-hidden size={15} /> : <Send aria-hidden size={15} />}
              {sending.isPending ? 'Sending…' : danger ? `${danger.button}…` : 'Send'}
            </Button>
            <span className="text-xs text-muted">
              {lacking.length > 0
                ? `Fill in ${lacking.join(', ')}.`
                : `Possible responses: ${answers(operation)}.`}
            </span>
            {operation.scope && <LackNote scope={operation.scope} />}
          </div>
        </form>
        {danger && asking && (
          <AskFirst
            danger={danger}
            onClose={() => setAsking(false)}
            onConfirm={() => {
              setAsking(false)
              sending.mutate()
            }}
          />
        )}
        {sending.error && <ErrorState error={sending.error} onRetry={() => sending.mutate()} />}
      </Card>
      {sending.data && <ReplyView reply={sending.data} />}
      <Samples call={call} />
    </div>
  )
}

function Samples({ call }: { call: HttpCall }) {
  const sample = asSample(call, useStore(session.state).key !== null)
  return (
    <Card>
      <Tabs
        label="Code samples"
        tabs={[
          {
            value: 'curl',
            label: 'curl',
            content: <CodeBlock label="curl sample" code={toCurl(sample)} />,
          },
          {
            value: 'python',
            label: 'Python',
            content: <CodeBlock label="Python sample" code={toPython(sample)} />,
          },
          {
            value: 'javascript',
            label: 'JavaScript',
            content: <CodeBlock label="JavaScript sample" code={toJavaScript(sample)} />,
          },
        ]}
      />
    </Card>
  )
}

type AskFirstProps = { danger: Danger; onClose: () => void; onConfirm: () => void }

function AskFirst({ danger, onClose, onConfirm }: AskFirstProps) {
  return (
    <Dialog title={danger.question} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>{danger.consequence}</p>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="destructive" onClick={onConfirm}>
            {danger.button}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

type BodyFieldProps = { value: string; problem: string | null; onChange: (value: string) => void }

function BodyField({ value, problem, onChange }: BodyFieldProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-muted">
        Body (JSON)
      </label>
      <textarea
        id={id}
        value={value}
        spellCheck={false}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        rows={Math.min(16, value.split('\n').length + 1)}
        onChange={(event) => onChange(event.target.value)}
        className="w-full rounded-md border border-line-strong bg-surface p-3 font-mono text-xs leading-relaxed"
      />
      {problem && (
        <p id={`${id}-problem`} className="mt-1 text-xs text-bad">
          {problem}
        </p>
      )}
    </div>
  )
}

function answers(operation: Operation): string {
  return operation.answers.map(({ status }) => status).join(', ')
}

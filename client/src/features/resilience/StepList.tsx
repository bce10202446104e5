import { CircleCheck, CircleX, LoaderCircle } from 'lucide-react'
import { cx } from '@/lib/cx'
import type { Step } from './check'

export function StepList({ steps }: { steps: Step[] }) {
  return (
    <ul className="divide-y divide-line rounded-lg border border-line" aria-live="polite">
      {steps.map((step) => (
        <StepRow key={step.label} step={step} />
      ))}
    </ul>
  )
}

function StepRow({ step }: { step: Step }) {
  const Icon = step.ok === null ? LoaderCircle : step.ok ? CircleCheck : CircleX
  const tone = step.ok === null ? 'animate-spin text-running' : step.ok ? 'text-good' : 'text-bad'
  return (
    <li className="flex gap-2.5 px-3 py-2">
      <Icon aria-hidden size={16} className={cx('mt-0.5 shrink-0', tone)} />
      <div className="min-w-0 flex-1">
        <p className="font-medium break-all">
          {step.label}
          <span className="sr-only">
            {step.ok === null ? ', running' : step.ok ? ', as expected' : ', not as expected'}
          </span>
        </p>
        <dl className="grid gap-x-4 text-xs sm:grid-cols-2">
          <div className="min-w-0">
            <dt className="inline text-faint">expected </dt>
            <dd className="inline break-words text-muted">{step.expected}</dd>
          </div>
          <div className="min-w-0">
            <dt className="inline text-faint">observed </dt>
            <dd className={cx('inline break-words', step.ok === false && 'text-bad')}>{step.observed}</dd>
          </div>
        </dl>
      </div>
    </li>
  )
}

import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from 'react'
import { cx } from '@/lib/cx'

const box =
  'h-9 w-full min-w-0 rounded-md border border-line-strong bg-surface px-2.5 text-ink placeholder:text-faint aria-invalid:border-bad-fill disabled:cursor-not-allowed disabled:opacity-60'

type FieldProps = {
  label: string
  hint?: ReactNode
  error?: ReactNode
  className?: string
  /** For the box itself, such as room for a button in it. */
  inputClass?: string
}

export function TextField({
  label,
  hint,
  error,
  className,
  inputClass,
  ...input
}: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className={cx('min-w-0', className)}>
      <Label id={id} text={label} />
      <input
        id={id}
        className={cx(box, inputClass)}
        aria-invalid={Boolean(error)}
        aria-describedby={`${id}-note`}
        {...input}
      />
      <Note id={id} hint={hint} error={error} />
    </div>
  )
}

export function SelectField({
  label,
  hint,
  className,
  children,
  ...select
}: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  return (
    <div className={cx('min-w-0', className)}>
      <Label id={id} text={label} />
      <select id={id} className={box} {...select}>
        {children}
      </select>
      <Note id={id} hint={hint} />
    </div>
  )
}

function Label({ id, text }: { id: string; text: string }) {
  return (
    <label htmlFor={id} className="mb-1 block text-xs font-medium text-muted">
      {text}
    </label>
  )
}

function Note({ id, hint, error }: { id: string; hint?: ReactNode; error?: ReactNode }) {
  if (!hint && !error) return null
  return (
    <div id={`${id}-note`} className={cx('mt-1 text-xs', error ? 'text-bad' : 'text-faint')}>
      {error ?? hint}
    </div>
  )
}

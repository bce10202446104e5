import type { ButtonHTMLAttributes } from 'react'
import { useLack } from '@/hooks/useLack'
import { cx } from '@/lib/cx'
import type { Scope } from '@/lib/session'

type Look = 'primary' | 'secondary' | 'ghost' | 'danger' | 'destructive' | 'chosen'

const looks: Record<Look, string> = {
  primary: 'bg-accent-fill text-white border border-transparent hover:brightness-110 shadow-sm',
  secondary: 'bg-surface text-ink border border-line-strong hover:bg-raised shadow-sm',
  /** One of a few that are side by side. */
  chosen: 'bg-accent-soft text-accent border border-accent',
  ghost: 'text-muted hover:bg-raised hover:text-ink',
  /** The button that does what cannot be undone. */
  destructive: 'bg-bad-strong text-white border border-transparent hover:brightness-110 shadow-sm',
  danger: 'bg-surface text-bad border border-line-strong hover:bg-bad-soft',
}

/** `scope`: what the key of the tab has to permit; where it does not, the button says so and cannot be pressed. */
type Scoped = { scope?: Scope | undefined }
type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & Scoped & { look?: Look; small?: boolean }

export function Button({ look = 'secondary', small, className, type = 'button', ...given }: ButtonProps) {
  const rest = useScoped(given)
  return (
    <button
      type={type}
      className={cx(
        'inline-flex items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition',
        'disabled:cursor-not-allowed disabled:opacity-50',
        small ? 'h-8 px-2.5 text-xs' : 'h-9 px-3.5',
        looks[look],
        className,
      )}
      {...rest}
    />
  )
}

function useScoped({ scope, ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & Scoped) {
  const lack = useLack(scope)
  return lack === null ? rest : { ...rest, disabled: true, title: lack }
}

type IconButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & Scoped & { label: string }

export function IconButton({ label, className, children, ...given }: IconButtonProps) {
  const rest = useScoped(given)
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={cx(
        'inline-flex size-8 shrink-0 items-center justify-center rounded-md text-muted transition hover:bg-raised hover:text-ink disabled:opacity-50',
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  )
}

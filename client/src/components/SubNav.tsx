import { cx } from '@/lib/cx'
import { Link } from './Link'

type SubNavProps = { label: string; links: { href: string; name: string; current: boolean }[] }

/** Views of one page, each with an address of its own. */
export function SubNav({ label, links }: SubNavProps) {
  return (
    <nav aria-label={label} className="mb-4 flex gap-1 border-b border-line">
      {links.map(({ href, name, current }) => (
        <Link
          key={href}
          href={href}
          aria-current={current ? 'page' : undefined}
          className={cx(
            '-mb-px border-b-2 px-3 py-2 font-medium -outline-offset-2',
            current ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink',
          )}
        >
          {name}
        </Link>
      ))}
    </nav>
  )
}

import { Keyboard, Search } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { IconButton } from '@/components/Button'
import { Link } from '@/components/Link'
import { Toaster } from '@/components/Toaster'
import { cx } from '@/lib/cx'
import { paths } from '@/lib/paths'
import { usePath } from '@/lib/router'
import { AccountLink } from './AccountLink'
import { ConnectionState } from './ConnectionState'
import { OfflineBanner, useAway } from './OfflineBanner'
import { routes, type Route } from './routes'
import { Palette } from './Palette'
import { Shortcuts } from './Shortcuts'
import { ThemeSwitch } from './ThemeSwitch'

type LayoutProps = {
  /** The server answers nothing without a good key. */ isRefused: boolean
  children: ReactNode
}

export function Layout({ isRefused, children }: LayoutProps) {
  const [help, setHelp] = useState(false)
  const [palette, setPalette] = useState(false)
  const away = useAway()
  return (
    <div className="flex min-h-dvh flex-col pb-16 md:pb-0">
      <a
        href="#main"
        className="sr-only rounded-md bg-accent-fill px-3 py-2 text-white focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
      >
        Skip to content
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-surface">
        <div className="mx-auto flex h-14 max-w-[90rem] items-center gap-3 px-4 sm:px-6">
          <Brand />
          {!isRefused && (
            <nav aria-label="Pages" className="ml-2 hidden gap-1 md:flex">
              {routes.map((route) => (
                <TopLink key={route.path} route={route} />
              ))}
            </nav>
          )}
          <div className="ml-auto flex items-center gap-1.5">
            {!isRefused && (
              <>
                <ConnectionState />
                <IconButton
                  label="Commands (Ctrl K)"
                  aria-keyshortcuts="Control+K Meta+K"
                  onClick={() => setPalette(true)}
                >
                  <Search aria-hidden size={18} />
                </IconButton>
                <AccountLink />
              </>
            )}
            <ThemeSwitch />
            {/* A phone has no keyboard, and no room. */}
            <span className="hidden sm:inline">
              <IconButton label="Keyboard shortcuts" onClick={() => setHelp(true)}>
                <Keyboard aria-hidden size={18} />
              </IconButton>
            </span>
          </div>
        </div>
      </header>
      {away && !isRefused && <OfflineBanner />}
      <main
        id="main"
        tabIndex={-1}
        className={cx(
          'mx-auto w-full max-w-[90rem] flex-1 px-4 py-6 outline-none sm:px-6',
          away && 'opacity-75 grayscale',
        )}
      >
        {children}
      </main>
      {!isRefused && <BottomNav />}
      <Toaster />
      {!isRefused && <Palette open={palette} onOpen={setPalette} />}
      <Shortcuts help={help} onHelp={setHelp} />
    </div>
  )
}

function Brand() {
  return (
    <Link href={paths.playground} className="flex items-center gap-2 font-semibold tracking-tight">
      <img src="/favicon.svg" alt="" width={24} height={24} />
      <span className="hidden sm:inline md:hidden lg:inline">Report Generator</span>
      <span className="sr-only">home</span>
    </Link>
  )
}

function TopLink({ route }: { route: Route }) {
  const current = usePath() === route.path
  return (
    <Link
      href={route.path}
      aria-current={current ? 'page' : undefined}
      className={cx(
        'rounded-md px-3 py-1.5 font-medium',
        current ? 'bg-raised text-ink' : 'text-muted hover:bg-raised hover:text-ink',
      )}
    >
      {route.name}
    </Link>
  )
}

/** On a phone the thumb is at the bottom. */
function BottomNav() {
  const path = usePath()
  return (
    <nav
      aria-label="Pages"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface md:hidden"
    >
      {routes.map(({ path: href, name, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          aria-current={path === href ? 'page' : undefined}
          className={cx(
            // As wide as its word needs: six of equal width would not fit on a phone.
            'flex flex-auto flex-col items-center gap-0.5 py-2 text-xs font-medium -outline-offset-2',
            path === href ? 'text-accent' : 'text-muted',
          )}
        >
          <Icon aria-hidden size={20} />
          {name}
        </Link>
      ))}
    </nav>
  )
}

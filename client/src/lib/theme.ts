import { createStore } from './store'

export type Theme = 'light' | 'dark' | 'system'

const dark = matchMedia('(prefers-color-scheme: dark)')
export const theme = createStore<Theme>(stored())

export function chooseTheme(choice: Theme): void {
  theme.set(choice)
  try {
    localStorage.setItem('theme', choice)
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
  apply()
}

/** Follow the system's switch while the choice is `system`, and the choice made in another tab. */
export function followTheme(): void {
  dark.addEventListener('change', apply)
  addEventListener('storage', ({ key }) => {
    if (key !== 'theme' && key !== null) return
    theme.set(stored())
    apply()
  })
}

function isDark(): boolean {
  return theme.get() === 'dark' || (theme.get() === 'system' && dark.matches)
}

function apply(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light'
}

function stored(): Theme {
  try {
    const choice = localStorage.getItem('theme')
    return choice === 'dark' || choice === 'light' ? choice : 'system'
  } catch {
    return 'system'
  }
}

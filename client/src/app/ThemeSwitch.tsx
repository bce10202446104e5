import { Monitor, Moon, Sun, type LucideIcon } from 'lucide-react'
import { IconButton } from '@/components/Button'
import { useStore } from '@/hooks/useStore'
import { chooseTheme, theme, type Theme } from '@/lib/theme'

const looks: Record<Theme, { icon: LucideIcon; name: string; next: Theme }> = {
  system: { icon: Monitor, name: 'like the system', next: 'light' },
  light: { icon: Sun, name: 'light', next: 'dark' },
  dark: { icon: Moon, name: 'dark', next: 'system' },
}

/** One button that goes round: like the system, light, dark. */
export function ThemeSwitch() {
  const { icon: Icon, name, next } = looks[useStore(theme)]
  return (
    <IconButton label={`Theme: ${name}. Switch to ${looks[next].name}`} onClick={() => chooseTheme(next)}>
      <Icon aria-hidden size={18} />
    </IconButton>
  )
}

import { Monitor, Moon, Sun } from 'lucide-react'
import { ToggleGroup } from '@/components/ToggleGroup'
import { useStore } from '@/hooks/useStore'
import { chooseTheme, theme } from '@/lib/theme'

export function ThemeSwitch() {
  return (
    <ToggleGroup
      label="Theme"
      value={useStore(theme)}
      onChange={chooseTheme}
      options={[
        { value: 'light', label: 'Light', content: <Sun aria-hidden size={15} /> },
        { value: 'dark', label: 'Dark', content: <Moon aria-hidden size={15} /> },
        { value: 'system', label: 'Like the system', content: <Monitor aria-hidden size={15} /> },
      ]}
    />
  )
}

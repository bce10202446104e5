import { vi } from 'vitest'

// jsdom has no layout and no media; the page asks for both when it loads.
vi.stubGlobal('matchMedia', (query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
}))

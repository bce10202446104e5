/** Every address of the page, in one place. */
export const paths = {
  playground: '/',
  queue: '/queue',
  history: '/history',
  tests: '/tests',
  api: '/api-explorer',
  request: (id: string) => `/history?request=${encodeURIComponent(id)}`,
} as const

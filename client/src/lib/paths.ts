/** Every address of the page, in one place. */
export const paths = {
  playground: '/',
  queue: '/queue',
  history: '/history',
  tests: '/tests',
  health: '/health',
  api: '/api-explorer',
  account: '/account',
  load: '/tests?view=load',
  benchmark: (id: string) => `/tests?view=load&run=${encodeURIComponent(id)}`,
  comparison: (a: string, b: string) =>
    `/tests?view=load&a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`,
  batches: '/history?view=batches',
  requestsOfBatch: (id: string) => `/history?batch_id=${encodeURIComponent(id)}`,
  request: (id: string) => `/history?request=${encodeURIComponent(id)}`,
} as const

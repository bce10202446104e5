import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, unwrap } from '@/api/client'
import { keys } from '@/api/keys'
import type { components } from '@/api/schema.gen'

type Schemas = components['schemas']
export type WebhookSecret = Schemas['WebhookSecretItem']

/** Who has a key that is not the tab's yet. */
export function readMe(key: string) {
  return unwrap(api.GET('/api/me', { headers: { Authorization: `Bearer ${key}` } }))
}

/** The keys of one account, whatever else the operator may see. */
export const apiKeysQuery = (account: string) =>
  infiniteQueryOptions({
    queryKey: keys.apiKeys,
    queryFn: ({ pageParam, signal }) => {
      const query = { account, limit: 200, ...(pageParam === null ? {} : { cursor: pageParam }) }
      return unwrap(api.GET('/api/keys', { params: { query }, signal }))
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })

export function createKey(body: Schemas['NewKeyRequest']) {
  return unwrap(api.POST('/api/keys', { body }))
}

export function rotateKey(id: string, overlapHours: number) {
  const params = { path: { key_id: id } }
  return unwrap(api.POST('/api/keys/{key_id}/rotate', { params, body: { overlap_hours: overlapHours } }))
}

export function revokeKey(id: string) {
  return unwrap(api.DELETE('/api/keys/{key_id}', { params: { path: { key_id: id } } }))
}

export const secretsQuery = queryOptions({
  queryKey: keys.webhookSecrets,
  queryFn: ({ signal }) => unwrap(api.GET('/api/webhook-secrets', { signal })),
})

export function rotateSecret(overlapHours: number) {
  return unwrap(api.POST('/api/webhook-secrets/rotate', { body: { overlap_hours: overlapHours } }))
}

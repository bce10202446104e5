import { grants, lackOf, type Scope } from '@/lib/session'
import { useStore } from './useStore'

/** Why the key of this tab does not permit something; null where it does, or there is no key. */
export function useLack(scope: Scope | undefined): string | null {
  return lackOf(scope, useStore(grants))
}

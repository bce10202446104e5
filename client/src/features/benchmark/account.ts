import type { Account } from '@/api/types'
import { formatNumber } from '@/lib/format'

/** What became of the accepted requests, in one sentence; what went wrong is told by the server. */
export function describeAccount(account: Account): string {
  const { accepted, delivered, missing, duplicate, out_of_order: misplaced, bad_signatures: forged } = account
  const faults = [missing, duplicate, misplaced, forged ?? 0].some((count) => count > 0)
  if (!account.complete || faults || delivered !== accepted || accepted === 0) return account.sentence
  if (accepted === 1) return 'The accepted request was called back, exactly once.'
  const all = accepted === 2 ? 'Both' : `All ${formatNumber(accepted)}`
  return `${all} accepted requests were called back: none missing, duplicated or out of order.`
}

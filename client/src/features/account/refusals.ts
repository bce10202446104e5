import { ProblemError } from '@/api/client'
import { describe } from '@/components/ErrorState'

const sentences: Record<string, string> = {
  'key-missing': 'This server answers only with a key.',
  'key-malformed':
    'This is not a key, or a part of it is missing. A key begins with frg_ and has 62 characters.',
  'key-unknown': 'The server does not know this key.',
  'key-expired': 'The key has expired.',
  'key-revoked': 'The key was revoked, or its account is disabled.',
  'token-invalid': 'The server does not accept this token.',
  'token-expired': 'The token has expired.',
}

/** A refusal of the key in use, as a sentence; the slug is the end of the problem's type. */
export function sentenceFor(refusal: string): string {
  return sentences[refusal] ?? 'The server does not accept this key.'
}

/** Why a key that was entered is not taken. */
export function whyNot(error: unknown): string {
  if (error instanceof ProblemError && error.status === 401) {
    return sentenceFor(error.problem.type.split(':').at(-1) ?? '')
  }
  const { title, detail } = describe(error)
  return `${title}. ${detail}`
}

const KEY_LENGTH = 62
const CREDENTIAL = /^[!-~]+$/

/** What is wrong with a key before it is sent, or null. */
export function faultOf(typed: string): string | null {
  if (!CREDENTIAL.test(typed)) return 'A key has no spaces and no other special characters.'
  if (typed.startsWith('frg_') && typed.length !== KEY_LENGTH) {
    return `A key has ${KEY_LENGTH} characters; this has ${typed.length}.`
  }
  return null
}

import { useState } from 'react'
import { useNow } from '@/hooks/useNow'
import { secondsLeft } from '@/lib/format'

/** Counts down the seconds the server asked to wait. */
export function Countdown({ seconds }: { seconds: number }) {
  const [until] = useState(() => Date.now() + seconds * 1_000)
  const left = secondsLeft(until, useNow(250))
  return <>{left > 0 ? `Try again in ${left} s.` : 'You can try again now.'}</>
}

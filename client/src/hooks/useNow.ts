import { useEffect, useState } from 'react'
import { prefersReducedMotion } from '@/lib/motion'

/** The time, told again every so many milliseconds while `active`. */
export function useNow(everyMs: number, active = true): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!active) return
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs, active])
  return now
}

/** The time at each animation frame while `active`; twice a second for those who want less motion. */
export function useFrameNow(active: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!active) return
    if (prefersReducedMotion()) {
      const timer = setInterval(() => setNow(Date.now()), 500)
      return () => clearInterval(timer)
    }
    let frame = requestAnimationFrame(function tick() {
      setNow(Date.now())
      frame = requestAnimationFrame(tick)
    })
    return () => cancelAnimationFrame(frame)
  }, [active])
  return now
}

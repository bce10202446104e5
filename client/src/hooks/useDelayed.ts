import { useEffect, useState } from 'react'

/** True once so many milliseconds have passed: quick answers show no skeleton at all. */
export function useDelayed(ms: number): boolean {
  const [over, setOver] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), ms)
    return () => clearTimeout(timer)
  }, [ms])
  return over
}

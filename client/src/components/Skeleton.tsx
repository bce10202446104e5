import { useDelayed } from '@/hooks/useDelayed'

/** Keeps the height of what is to come; shows itself only when the answer takes longer than 150 ms. */
export function Skeleton({ height, rows = 1 }: { height: number; rows?: number }) {
  const visible = useDelayed(150)
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2 p-4" style={{ minHeight: height }}>
      {visible &&
        Array.from({ length: rows }, (_, row) => `row-${row}`).map((row) => (
          <div key={row} className="skeleton flex-1" style={{ minHeight: 20 }} />
        ))}
    </div>
  )
}

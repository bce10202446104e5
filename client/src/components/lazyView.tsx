import { useEffect, type ComponentType } from 'react'
import { UnreachableError } from '@/api/client'
import { useLostContact } from '@/hooks/useServerNow'
import { useStore } from '@/hooks/useStore'
import { lazyPart } from '@/lib/lazyPart'
import { ErrorState } from './ErrorState'
import { Skeleton } from './Skeleton'

type Room = { height: number; rows?: number }

/** A component in a file of its own that heals by itself when the file could not be fetched. */
export function lazyView<P extends object>(
  importIt: () => Promise<{ default: ComponentType<P> }>,
  room: Room,
): ComponentType<P> {
  const part = lazyPart(importIt)
  return function LazyView(props: P) {
    const { status, value, error } = useStore(part.state)
    const lost = useLostContact() !== null
    useEffect(() => void part.load(), [])
    if (status === 'failed') {
      return <ErrorState error={lost ? new UnreachableError() : error} onRetry={() => void part.load()} />
    }
    if (status === 'loading') return <Skeleton {...room} />
    const View = value.default
    return <View {...props} />
  }
}

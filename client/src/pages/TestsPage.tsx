import { ResilienceView } from '@/features/resilience/ResilienceView'

export default function TestsPage() {
  return <ResilienceView />
}

import { PageHeader } from '@/components/PageHeader'
import { FifoProof } from '@/features/queue/FifoProof'
import { QueueView } from '@/features/queue/QueueView'
import { ServiceTrouble } from '@/features/queue/ServiceTrouble'

export default function QueuePage() {
  return (
    <>
      <PageHeader
        title="Queue"
        lead="What is waiting, what is being generated, and which callbacks are on their way. Live."
      />
      <div className="grid gap-4">
        <ServiceTrouble />
        <QueueView />
        <FifoProof />
      </div>
    </>
  )
}

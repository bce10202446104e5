import { PageHeader } from '@/components/PageHeader'
import { FifoProof } from '@/features/queue/FifoProof'
import { QueueView } from '@/features/queue/QueueView'

export default function QueuePage() {
  return (
    <>
      <PageHeader
        title="Queue"
        lead="What is waiting, what is being generated, and which callbacks are on their way. Live."
      />
      <div className="grid gap-4">
        <QueueView />
        <FifoProof />
      </div>
    </>
  )
}

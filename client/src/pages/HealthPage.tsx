import { PageHeader } from '@/components/PageHeader'
import { HealthView } from '@/features/health/HealthView'
import { ServiceTrouble } from '@/features/queue/ServiceTrouble'

export default function HealthPage() {
  return (
    <>
      <PageHeader
        title="Health"
        lead="The last hour in steps of 15 seconds, live. The server keeps the figures of /metrics itself: no Prometheus needed."
      />
      <div className="grid gap-4">
        <ServiceTrouble />
        <HealthView />
      </div>
    </>
  )
}

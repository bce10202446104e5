import { PageHeader } from '@/components/PageHeader'
import { HistoryView } from '@/features/requests/HistoryView'

export default function HistoryPage() {
  return (
    <>
      <PageHeader
        title="History"
        lead="Every request this server has accepted. Open one to follow it from acceptance to acknowledged callback."
      />
      <HistoryView />
    </>
  )
}

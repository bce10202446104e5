import { ExplorerView } from '@/features/explorer/ExplorerView'

export default function ApiPage() {
  return <ExplorerView />
}

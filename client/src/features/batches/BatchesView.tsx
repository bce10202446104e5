import { BatchList } from './BatchList'
import { NewBatch } from './NewBatch'

/** Submit a batch, and watch those there are. */
export default function BatchesView() {
  return (
    <div className="grid items-start gap-4">
      <NewBatch />
      <BatchList />
    </div>
  )
}

import type { AsyncSide } from '@/api/types'
import { Card } from '@/components/Card'
import { ScrollRegion } from '@/components/ScrollRegion'
import { formatLatency } from '@/lib/format'

const stages = [
  { key: 'acknowledge', name: 'Receipt', meaning: 'until the caller had its 202' },
  { key: 'waiting', name: 'In line', meaning: 'until the worker began with it' },
  { key: 'generating', name: 'Generating', meaning: 'until the report existed' },
  { key: 'callback', name: 'In all', meaning: 'until its callback arrived' },
] as const

/** Where the time of an async request goes, stage by stage. */
export function Stages({ side }: { side: AsyncSide }) {
  return (
    <Card
      title="Where async time goes"
      hint="Waiting in line grows with every request before it; the work does not."
    >
      <ScrollRegion label="Stages" className="relative overflow-x-auto -outline-offset-2">
        <table className="w-full">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              <th scope="col" className="px-4 py-2 text-left font-medium">
                Stage
              </th>
              {['p50', 'p99', 'longest'].map((name) => (
                <th key={name} scope="col" className="px-3 py-2 text-right font-medium last:pr-4">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {stages.map(({ key, name, meaning }) => {
              const { p50_ms, p99_ms, max_ms } = side[key]
              return (
                <tr key={key} className="align-top">
                  <th scope="row" className="px-4 py-1.5 text-left font-medium">
                    {name}
                    <span className="block text-xs font-normal text-faint">{meaning}</span>
                  </th>
                  {Object.entries({ p50_ms, p99_ms, max_ms }).map(([figure, ms]) => (
                    <td key={figure} className="px-3 py-1.5 text-right whitespace-nowrap last:pr-4">
                      {ms === null ? '–' : formatLatency(ms)}
                    </td>
                  ))}
                </tr>
              )
            })}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  )
}

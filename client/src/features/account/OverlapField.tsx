import { SelectField } from '@/components/Field'

const choices = [
  [0, 'no time: it ends at once'],
  [1, '1 hour'],
  [24, '24 hours'],
  [72, '3 days'],
  [168, '7 days'],
] as const

type OverlapFieldProps = { label: string; hours: number; onChange: (hours: number) => void }

/** For how long what is replaced stays good. */
export function OverlapField({ label, hours, onChange }: OverlapFieldProps) {
  return (
    <SelectField label={label} value={hours} onChange={({ target }) => onChange(Number(target.value))}>
      {choices.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </SelectField>
  )
}

import { SelectField, TextField } from '@/components/Field'
import { InlineCode } from '@/components/InlineCode'
import type { Values } from './call'
import type { Parameter } from './openapi'

type ParameterFieldsProps = {
  parameters: Parameter[]
  values: Values
  onChange: (name: string, value: string) => void
}

export function ParameterFields({ parameters, values, onChange }: ParameterFieldsProps) {
  if (parameters.length === 0) return null
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {parameters.map((parameter) => {
        const { name, description, choices } = parameter
        const label = `${name} (${parameter.in}${parameter.required ? ', required' : ''})`
        const value = values[name] ?? ''
        const hint = description === '' ? undefined : <InlineCode text={description} />
        if (choices.length === 0) {
          return (
            <TextField
              key={name}
              label={label}
              hint={hint}
              value={value}
              onChange={(event) => onChange(name, event.target.value)}
            />
          )
        }
        return (
          <SelectField
            key={name}
            label={label}
            hint={hint}
            value={value}
            onChange={(event) => onChange(name, event.target.value)}
          >
            <option value="">not sent</option>
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </SelectField>
        )
      })}
    </div>
  )
}

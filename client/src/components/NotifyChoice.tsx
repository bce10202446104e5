type NotifyChoiceProps = {
  label: string
  hint: string
  checked: boolean
  onChange: (checked: boolean) => void
}

/** Whether those who wait for a result are to be told that none will come. */
export function NotifyChoice({ label, hint, checked, onChange }: NotifyChoiceProps) {
  return (
    <label className="flex items-start gap-2">
      <input
        type="checkbox"
        className="mt-0.5 size-4 accent-(--accent-fill)"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        {label}
        <span className="block text-xs text-muted">{hint}</span>
      </span>
    </label>
  )
}

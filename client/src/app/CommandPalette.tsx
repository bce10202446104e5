import { Command as Menu, defaultFilter } from 'cmdk'
import { Search } from 'lucide-react'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { Dialog } from '@/components/Dialog'
import { actions, filters, searchCommand, views, type Command } from './palette'

const FIND = 'find'

/** The search always fits, but after every command that does. */
function rank(value: string, typed: string, words?: string[]): number {
  return value === FIND ? 1e-9 : (defaultFilter?.(value, typed, words) ?? 0)
}

/** Every view, a search of the history and the actions, by keyboard. */
export default function CommandPalette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const search = searchCommand(typed)
  const choose = (command: Command) => {
    onClose()
    command.run()
  }
  return (
    <Dialog title="Commands" place="top" onClose={onClose}>
      <Menu label="Commands" loop filter={rank}>
        <div className="relative border-b border-line">
          <Search aria-hidden size={16} className="absolute top-3.5 left-4 text-faint" />
          <Menu.Input
            ref={input}
            value={typed}
            onValueChange={setTyped}
            placeholder="Go to a view, paste a request id, search, or run an action"
            className="h-11 w-full bg-surface pr-4 pl-10 -outline-offset-2 placeholder:text-faint"
          />
        </div>
        <Menu.List className="max-h-[min(24rem,55vh)] overflow-y-auto overscroll-contain p-2">
          <Group name="Views">{items(views, choose)}</Group>
          <Group name="History">{items(filters, choose)}</Group>
          <Group name="Actions">{items(actions, choose)}</Group>
          {search && (
            <Group name="Find">
              <Item command={search} value={FIND} onChoose={choose} />
            </Group>
          )}
        </Menu.List>
      </Menu>
    </Dialog>
  )
}

function items(commands: Command[], choose: (command: Command) => void) {
  return commands.map((command) => (
    <Item
      key={command.name}
      command={command}
      value={command.name}
      keywords={command.words}
      onChoose={choose}
    />
  ))
}

function Group({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu.Group
      heading={name}
      className="pb-1 [&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted"
    >
      {children}
    </Menu.Group>
  )
}

type ItemProps = {
  command: Command
  value: string
  keywords?: string[]
  onChoose: (command: Command) => void
}

function Item({ command, onChoose, ...rest }: ItemProps) {
  return (
    <Menu.Item
      {...rest}
      onSelect={() => onChoose(command)}
      className="cursor-pointer truncate rounded-md px-2 py-2 data-[selected=true]:bg-accent-soft data-[selected=true]:text-accent"
    >
      {command.name}
    </Menu.Item>
  )
}

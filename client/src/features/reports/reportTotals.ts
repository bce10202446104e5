/** A report's rows, as the file has them. Amounts are summed in minor units: no float ever holds money. */
export type ReportTotals = {
  currency: string
  decimals: number
  categories: CategoryTotal[]
  days: DayTotal[]
}
export type CategoryTotal = { category: string; type: string; minor: number }
export type DayTotal = { date: string; revenue: number; expenses: number }

type Columns = { date: number; type: number; category: number; amount: number; currency: number }

export function totalsOf([header, ...rows]: string[][]): ReportTotals {
  const columns = columnsOf(header ?? [])
  const categories = new Map<string, CategoryTotal>()
  const days = new Map<string, DayTotal>()
  for (const row of rows) addRow(row, columns, categories, days)
  const amount = rows[0]?.[columns.amount] ?? ''
  return {
    currency: rows[0]?.[columns.currency] ?? '',
    decimals: amount.split('.')[1]?.length ?? 0,
    categories: [...categories.values()].toSorted((one, other) => other.minor - one.minor),
    days: [...days.values()].toSorted((one, other) => (one.date < other.date ? -1 : 1)),
  }
}

function addRow(
  row: string[],
  columns: Columns,
  categories: Map<string, CategoryTotal>,
  days: Map<string, DayTotal>,
): void {
  const [type = '', category = '', date = ''] = [row[columns.type], row[columns.category], row[columns.date]]
  const minor = toMinor(row[columns.amount] ?? '0')
  const total = categories.get(`${type}/${category}`) ?? { category, type, minor: 0 }
  total.minor += minor
  categories.set(`${type}/${category}`, total)
  const day = days.get(date) ?? { date, revenue: 0, expenses: 0 }
  if (type === 'Revenue') day.revenue += minor
  else day.expenses += minor
  days.set(date, day)
}

function columnsOf(header: string[]): Columns {
  const at = (name: string) => header.indexOf(name)
  return {
    date: at('Date'),
    type: at('Type'),
    category: at('Category'),
    amount: at('Amount'),
    currency: at('Currency'),
  }
}

/** `12.34` is 1234: exact far beyond any report's total. */
function toMinor(amount: string): number {
  return Number(amount.replace('.', ''))
}

export function fromMinor(minor: number, decimals: number): string {
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const sign = minor < 0 ? '-' : ''
  return decimals === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-decimals)}`
}

import type { Scope } from '@/lib/session'

/** The little of an OpenAPI document that the explorer needs. It is read at run time: it is always the server's own. */
export type OpenApiDocument = {
  paths: Record<string, Record<string, RawOperation>>
  components?: { schemas?: Record<string, JsonSchema> }
}

type JsonSchema = {
  type?: string
  $ref?: string
  default?: unknown
  examples?: unknown[]
  example?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
}

type RawParameter = {
  name: string
  in: 'path' | 'query' | 'header' | 'cookie'
  required?: boolean
  description?: string
  schema?: JsonSchema
}

type RawContent = { schema?: JsonSchema; example?: unknown; examples?: Record<string, { value?: unknown }> }

type RawOperation = {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: RawParameter[]
  requestBody?: { content?: Record<string, RawContent> }
  responses?: Record<string, { description?: string }>
  'x-scopes'?: Scope[]
}

export type Parameter = {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description: string
  choices: string[]
}

export type Operation = {
  id: string
  method: string
  path: string
  tag: string
  summary: string
  description: string
  parameters: Parameter[]
  /** Null when the operation takes none. */
  exampleBody: string | null
  answers: { status: string; description: string }[]
  /** What a key needs to permit; null where any key will do. */
  scope: Scope | null
}

const METHODS = new Set(['get', 'post', 'put', 'patch', 'delete'])

export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.has(method))
      .map(([method, operation]) => toOperation(document, path, method, operation)),
  )
}

function toOperation(document: OpenApiDocument, path: string, method: string, raw: RawOperation): Operation {
  const body = Object.values(raw.requestBody?.content ?? {})[0]
  return {
    id: raw.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: raw.tags?.[0] ?? 'Other',
    summary: raw.summary ?? path,
    description: raw.description ?? '',
    parameters: (raw.parameters ?? []).flatMap((parameter) => toParameter(document, parameter)),
    exampleBody: body ? JSON.stringify(exampleOf(document, body), null, 2) : null,
    answers: Object.entries(raw.responses ?? {}).map(([status, { description = '' }]) => ({
      status,
      description,
    })),
    scope: raw['x-scopes']?.[0] ?? null,
  }
}

function toParameter(document: OpenApiDocument, raw: RawParameter): Parameter[] {
  if (raw.in === 'cookie') return []
  const variants = [raw.schema, ...(raw.schema?.anyOf ?? [])].map((schema) => resolve(document, schema))
  const choices = variants.flatMap(
    (schema) => schema?.enum ?? (schema?.type === 'boolean' ? ['true', 'false'] : []),
  )
  return [
    {
      name: raw.name,
      in: raw.in,
      required: raw.required ?? false,
      description: raw.description ?? '',
      choices: choices.map(String),
    },
  ]
}

function exampleOf(document: OpenApiDocument, content: RawContent): unknown {
  const named = Object.values(content.examples ?? {})[0]?.value
  const schema = resolve(document, content.schema)
  return content.example ?? named ?? schema?.example ?? schema?.examples?.[0] ?? {}
}

function resolve(document: OpenApiDocument, schema: JsonSchema | undefined): JsonSchema | undefined {
  const name = schema?.$ref?.split('/').at(-1)
  return name === undefined ? schema : document.components?.schemas?.[name]
}

export function byTag(operations: Operation[]): [string, Operation[]][] {
  const groups = new Map<string, Operation[]>()
  for (const operation of operations) {
    groups.set(operation.tag, [...(groups.get(operation.tag) ?? []), operation])
  }
  return [...groups]
}

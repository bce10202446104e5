import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { download } from '@/api/download'
import { useStore } from '@/hooks/useStore'
import { session } from '@/lib/session'
import { showToast } from '@/lib/toasts'
import { describe } from './ErrorState'

type DownloadLinkProps = { href: string; className: string; children: ReactNode; 'aria-label'?: string }

/** A file to download: a plain link, or with a key a button, because a link sends no header. */
export function DownloadLink({ href, children, ...rest }: DownloadLinkProps) {
  const { key } = useStore(session.state)
  const saving = useMutation({
    mutationFn: () => download(href),
    onError: (error) => {
      const { title, detail } = describe(error)
      showToast({ tone: 'bad', text: `Not downloaded. ${title}: ${detail}` }, 10_000)
    },
  })
  if (key === null) {
    return (
      <a href={href} download {...rest}>
        {children}
      </a>
    )
  }
  return (
    <button
      type="button"
      aria-busy={saving.isPending}
      disabled={saving.isPending}
      onClick={() => saving.mutate()}
      {...rest}
    >
      {children}
    </button>
  )
}

import { lazyView } from '@/components/lazyView'

/** In place of every view, while the server does not answer for want of a good key. */
export const SignInPage = lazyView(() => import('@/pages/SignInPage'), { height: 320, rows: 3 })

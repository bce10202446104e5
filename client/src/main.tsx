import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import { prefetchWhenIdle } from './lib/lazyPart'
import { followTheme } from './lib/theme'
import './index.css'

followTheme()
prefetchWhenIdle()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)

import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const apiUrl = process.env.API_URL ?? 'http://localhost:8000'
const toApi = { target: apiUrl, changeOrigin: false }
const proxy = {
  '/api/': { ...toApi, ws: true },
  '/docs': toApi,
  '/redoc': toApi,
  '/openapi.json': toApi,
}

/** Styles after the skeleton, which has its own: a style sheet in the head holds back the first paint until it is there. */
const stylesAfterSkeleton: Plugin = {
  name: 'styles-after-skeleton',
  apply: 'build',
  enforce: 'post',
  transformIndexHtml: {
    order: 'post',
    handler(html) {
      const links = html.match(/<link rel="stylesheet"[^>]*>/g) ?? []
      const without = links.reduce((text, link) => text.replace(link, ''), html)
      return without.replace('<noscript>', `${links.join('')}<noscript>`)
    },
  },
}

export default defineConfig({
  plugins: [react(), tailwindcss(), stylesAfterSkeleton],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // Inlined files would become data: URLs, which the server's Content-Security-Policy refuses for scripts and fonts.
  build: { target: 'es2023', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 4173, proxy },
  test: {
    // A browser's world takes a second a file to set up: the few tests that need it ask for it.
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.mjs'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
  },
})

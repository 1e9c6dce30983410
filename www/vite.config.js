import { defineConfig } from 'vite';

/** Where `npm run start` or a server of your own listens; only the development server asks it. */
const server = process.env.SIXLANE_SERVER ?? 'http://127.0.0.1:8787';

export default defineConfig({
  // Relative, so that the page can be served from any folder.
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // light-dark() stays as it is: what it would be lowered to does not follow the choice of the page.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': server, '/control': server } },
});

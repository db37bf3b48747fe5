// Both pages as static files with hashed names, which the node serves under a policy that allows
// no inline script and no inline style.
import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';
import { coastline } from './build/coastline';

export default defineConfig({
  plugins: [preact(), coastline()],
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: { index: 'index.html', console: 'console.html' } },
  },
  worker: { format: 'es' },
});

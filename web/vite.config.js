// Builds the page into dist/, which `nexacore serve` hands out from NEXACORE_WEB_DIR.
//
// Rule: nothing inline. The server's Content-Security-Policy allows scripts and styles from files
// of the same origin alone, so no asset becomes a data: URL and no script stays in index.html.
import { defineConfig } from 'vite';

export default defineConfig({
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
        target: 'es2022',
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        sourcemap: false,
        reportCompressedSize: true,
    },
    server: {
        // `npx vite` beside a running demo: the API and the live channel are the demo's.
        proxy: {
            '/api': 'http://127.0.0.1:8080',
            '/web-config.json': 'http://127.0.0.1:8080',
            '/socket.io': { target: 'http://127.0.0.1:8080', ws: true },
        },
    },
});

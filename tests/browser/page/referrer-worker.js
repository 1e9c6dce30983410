// Serves a page whose style sheet is of another origin, and tells what it hands to native fetch of what that asks for.
import { createFetch } from '/dist/index.js';

const host = new URL(self.location.href).searchParams.get('host');
const page = `<!doctype html><link rel="stylesheet" href="http://${host}/foreign.css">`;
const native = self.fetch;
const sent = [];
const fetch = createFetch({
  fetch: (request, init) => {
    sent.push({ referrer: request.referrer, says: init !== undefined });
    return native(request, init);
  },
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.mode === 'navigate') event.respondWith(new Response(page, { headers: { 'content-type': 'text/html' } }));
  else if (request.url.includes('/api/data/1')) {
    const call = fetch(request);
    event.respondWith(call);
    event.waitUntil(
      call.then(async () => {
        const told = { asked: request.referrer, sent: sent.at(-1), running: fetch.status().running };
        for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage(told);
      }),
    );
  }
});

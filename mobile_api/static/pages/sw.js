/**
 * The service worker: an offline page, a cache of our own static files, and the push bell.
 * Pages and answers of the API are never cached: they hold a person's data and must be fresh.
 */
const CACHE = "salus-shell-1";
const SHELL = ["/offline/", "/static/vendor/pico.min.css", "/static/salus.css", "/static/icons/salus.svg",
  "/static/icons/salus-192.png"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

/** Static files: the network's copy, else the last one seen; so a new version is never held back. */
async function staticFile(event) {
  let fresh;
  try {
    fresh = await fetch(event.request);
  } catch (error) {
    const kept = await caches.match(event.request);
    if (kept) return kept;
    throw error;
  }
  if (fresh.ok) {
    const copy = fresh.clone();
    event.waitUntil(caches.open(CACHE).then((cache) => cache.put(event.request, copy)).catch(() => {}));
  }
  return fresh;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match("/offline/")));
  } else if (url.pathname.startsWith("/static/")) {
    event.respondWith(staticFile(event));
  }
});

/** The push text comes ready from the server and names nobody; the id is opaque. */
self.addEventListener("push", (event) => {
  let data = {};
  try { data = event.data ? event.data.json() : {}; } catch { /* a foreign push shows the plain bell */ }
  event.waitUntil(self.registration.showNotification("Salus", {
    body: typeof data.text === "string" ? data.text : "",
    tag: typeof data.id === "string" ? data.id : "salus",
    data: { id: data.id },
    icon: "/static/icons/salus-192.png",
    lang: typeof data.lang === "string" ? data.lang : "en",
    renotify: true,
    requireInteraction: true,
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const id = event.notification.data?.id;
  const target = /^[A-Za-z0-9_-]{22}$/.test(id ?? "") ? `/patient/requests/${id}/` : "/patient/";
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((windows) => {
    const open = windows.find((page) => new URL(page.url).pathname.startsWith("/patient/"));
    return open ? open.focus().then((page) => page.navigate(target)) : self.clients.openWindow(target);
  }));
});

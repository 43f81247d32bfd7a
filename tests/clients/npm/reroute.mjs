// Preloaded into a client whose host is written into it: what it sends to EvoLink goes to EVOLINK_BASE_URL,
// and to no other host.
const official = 'https://api.evolink.ai/v1/';
const own = process.env.EVOLINK_BASE_URL.replace(/\/*$/, '/');
const fetch = globalThis.fetch;

globalThis.fetch = (url, options) => {
  if (!String(url).startsWith(official)) {
    throw new Error(`no host but EvoLink's was expected: ${url}`);
  }
  return fetch(own + String(url).slice(official.length), options);
};

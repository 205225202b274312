// The server's HTTP API as functions. Each throws an Error whose message is the server's own.

async function get(path, params) {
  const body = params && new URLSearchParams(params);
  const answer = await fetch(body ? `${path}?${body}` : path, { headers: { Accept: 'application/json' } });
  let json;
  try {
    json = await answer.json();
  } catch {
    throw new Error(`${path}: HTTP ${answer.status}`);
  }
  if (json.status !== 'success') throw new Error(json.error || `HTTP ${answer.status}`);
  return json;
}

export const queryInstant = (query, time) => get('/api/v1/query', { query, time });

export const queryRange = (query, start, end, step) =>
  get('/api/v1/query_range', { query, start, end, step });

export const metricNames = () => get('/api/v1/label/__name__/values', { limit: 5000 });

export const targets = () => get('/api/v1/targets', { state: 'active' });

export const buildInfo = () => get('/api/v1/status/buildinfo');

export const flags = () => get('/api/v1/status/flags');

/** Samples of this server's own /metrics: [{name, labels: {…}, value}]. */
export async function ownMetrics() {
  const answer = await fetch('/metrics');
  if (!answer.ok) throw new Error(`/metrics: HTTP ${answer.status}`);
  return parseMetrics(await answer.text());
}

export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const m = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!m) continue;
    const labels = {};
    for (const [, name, value] of (m[2] || '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    samples.push({ name: m[1], labels, value: Number(m[3].replace('Inf', 'Infinity')) });
  }
  return samples;
}

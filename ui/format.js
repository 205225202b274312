// Values as people read them.

const SUFFIXES = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

/** 12345 -> "12.3k"; small numbers keep four significant digits. */
export function short(value) {
  if (!Number.isFinite(value)) return String(value);
  for (const [size, suffix] of SUFFIXES)
    if (Math.abs(value) >= size) return trim((value / size).toPrecision(4)) + suffix;
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(2);
  return trim(value.toPrecision(4));
}

const trim = (digits) => (digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits);

/** {__name__: "up", job: "a"} -> up{job="a"} */
export function series(labels) {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name || '{}';
}

export function clock(seconds, withDate) {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return withDate ? `${date.toLocaleDateString()} ${time}` : time;
}

export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (!(seconds < 1e9)) return 'never';
  if (seconds < 90) return `${seconds.toFixed(1)} s ago`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}

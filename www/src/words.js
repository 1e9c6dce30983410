/** Figures as text, and two runs as a sentence. */

const whole = new Intl.NumberFormat('en');

export const number = (value) => whole.format(value);

/** 4.2 ms, 31 ms, 4.21 s, 58.3 s, 110 s: three digits at most, so that a ratio of two can be checked by eye. */
export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`;
  return ms < 99_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

/** 0 KiB, 412 KiB, 3.94 MiB, 50 MiB. */
export function bytes(count) {
  const mebibytes = count / 2 ** 20;
  if (mebibytes < 1) return `${Math.ceil(count / 1024)}\u00a0KiB`;
  return `${+mebibytes.toFixed(mebibytes < 10 ? 2 : 0)}\u00a0MiB`;
}

/** A duration in seconds: two figures in one sentence need one unit. */
export function seconds(ms) {
  const digits = ms < 9.5 ? 3 : ms < 995 ? 2 : ms < 99_500 ? 1 : 0;
  return `${(ms / 1000).toFixed(digits)} s`;
}

export function times(ratio) {
  return `${ratio < 9.95 ? ratio.toFixed(1) : number(Math.round(ratio))} times`;
}

function headline(what, one, other) {
  if (one === undefined && other === undefined) return `The ${what} request was lost both ways.`;
  if (one === undefined) return `The ${what} answer: ${seconds(other)} with sixlane, lost natively.`;
  if (other === undefined) return `The ${what} answer: lost with sixlane, ${seconds(one)} natively.`;
  return `The ${what} answer: ${seconds(other)} with sixlane, ${seconds(one)} natively.`;
}

/** How much sooner the other one was. */
export function pace(one, other) {
  if (one === undefined || other === undefined) return '';
  const ratio = one / other;
  if (ratio >= 1.1) return `${times(ratio)} sooner. `;
  return ratio <= 1 / 1.1 ? `${times(1 / ratio)} later. ` : 'About as soon either way. ';
}

function losses(native, sixlane) {
  const all = number(native.planned);
  const refused = native.refused + sixlane.refused > 0 ? ' The server failed what it was told to fail.' : '';
  if (native.lost === 0 && sixlane.lost === 0) return `Neither lost any of the ${all} requests.${refused}`;
  const lost = ({ lost }) => (lost === 0 ? 'none' : number(lost));
  return `Of ${all} requests the browser lost ${lost(native)} natively, ${lost(sixlane)} with sixlane.${refused}`;
}

/** What two finished runs come to: the time of one request, `time(record)` in ms or undefined, and the losses. */
export function comparison(what, { native, sixlane, time }) {
  const [one, other] = [time(native), time(sixlane)];
  return { headline: headline(what, one, other), detail: pace(one, other) + losses(native, sixlane) };
}

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

function times(ratio) {
  return `${ratio < 9.95 ? ratio.toFixed(1) : number(Math.round(ratio))} times`;
}

function criticalSentence(native, sixlane) {
  const one = duration(native.criticalMs);
  const other = duration(sixlane.criticalMs);
  if (native.critical !== 'answered' && sixlane.critical !== 'answered') {
    return 'The critical request was lost both ways.';
  }
  if (native.critical !== 'answered') {
    return `Native fetch lost the critical request; with sixlane its answer came after ${other}.`;
  }
  if (sixlane.critical !== 'answered') {
    return `sixlane lost the critical request; with native fetch its answer came after ${one}.`;
  }
  const ratio = native.criticalMs / sixlane.criticalMs;
  if (ratio >= 1.1) return `The critical answer came after ${other} instead of ${one}: ${times(ratio)} sooner.`;
  if (ratio <= 1 / 1.1) return `The critical answer came after ${other} instead of ${one}: ${times(1 / ratio)} later.`;
  return `The critical answer came about as soon either way: ${one} with native fetch, ${other} with sixlane.`;
}

function lossSentence(native, sixlane) {
  if (native.failed === 0 && sixlane.failed === 0) return `Neither lost any of the ${number(native.total)} requests.`;
  const lost = ({ failed }) => (failed === 0 ? 'none' : number(failed));
  return `Of ${number(native.total)} requests native fetch lost ${lost(native)}, sixlane ${lost(sixlane)}.`;
}

/** What two finished runs come to: the sentence for the critical answer, and that for the losses. */
export function compare(native, sixlane) {
  return [criticalSentence(native, sixlane), lossSentence(native, sixlane)];
}

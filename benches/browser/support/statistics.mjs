export function median(values) {
  return quantile(values, 0.5);
}

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** The 95 % interval of the median, by order statistics: no assumption about how the values are spread. */
export function interval(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = 0.98 * Math.sqrt(sorted.length);
  const at = (place) => sorted[Math.max(0, Math.min(sorted.length - 1, Math.round(place)))];
  return [at(sorted.length / 2 - half), at(sorted.length / 2 + half)];
}

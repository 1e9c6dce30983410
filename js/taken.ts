/** What a caller said, as it was at that moment: they keep their objects and lists, and may change them later. */
export function taken<T>(said: T): T {
  if (Array.isArray(said)) return said.map(taken) as T;
  if (typeof said !== 'object' || said === null) return said;
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, taken(value)])) as T;
}

// What lies in the cache's database, read past the cache.

/** A name that no other test of any browser uses. */
let names = 0;
export const freshName = () => `test ${performance.timeOrigin} ${Math.random()} ${++names}`;

export const asked = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** All records, each under its key. */
export async function contents(name) {
  const database = await asked(indexedDB.open(name));
  try {
    const read = async (store) => {
      const source = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([asked(source.getAllKeys()), asked(source.getAll())]);
      return new Map(keys.map((key, index) => [key, values[index]]));
    };
    return { packs: await read('packs'), uses: await read('uses'), state: await read('state') };
  } finally {
    database.close();
  }
}

/** Counts what is there, and fails where the records of one store do not fit those of another. */
export async function recount(name) {
  const { packs, uses, state } = await contents(name);
  const sum = (entries) => entries.reduce((total, { bytes }) => total + bytes, 0);
  const all = [...packs.values()].flatMap(({ entries }) => entries);
  const problems = [];
  for (const [pack, { keys, entries }] of packs) {
    const use = uses.get(pack);
    if (`${keys}` !== `${entries.map(({ key }) => key)}`) problems.push(`${pack}: its keys are others`);
    if (entries.length === 0) problems.push(`${pack}: empty`);
    if (use?.bytes !== sum(entries) || use?.entries !== entries.length) problems.push(`${pack}: counted wrongly`);
  }
  if (packs.size !== uses.size) problems.push(`${packs.size} packs, ${uses.size} uses`);
  if (new Set(all.map(({ key }) => key)).size !== all.length) problems.push('a key that is there twice');
  const { entries = 0, bytes = 0 } = state.get('totals') ?? {};
  if (entries !== all.length || bytes !== sum(all)) problems.push(`totals say ${entries} and ${bytes}`);
  return { entries: all.length, bytes: sum(all), problems };
}

export const destroy = (name) => asked(indexedDB.deleteDatabase(name));

/** Fails when a connection is in the way that does not make way. */
export function destroyUnblocked(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });
}

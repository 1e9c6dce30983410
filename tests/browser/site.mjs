import { at } from '../../scripts/lib/paths.mjs';
import { startServer } from '../../scripts/lib/server.mjs';

/** Starts the server with all that a page of the tests or the benchmarks imports. */
export function startSite(binary, ...flags) {
  const mounts = ['dist', 'js', 'tests', 'benches', 'node_modules'].flatMap((name) => [
    '--mount',
    `/${name}=${at(name)}`,
  ]);
  return startServer(binary, [
    '--port',
    '0',
    '--degradation',
    'off',
    '--site',
    at('tests/browser/page'),
    ...mounts,
    ...flags,
  ]);
}

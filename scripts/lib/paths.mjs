import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A path below the root. */
export const at = (...parts) => join(root, ...parts);

/** By its path: older compilers, which the declarations are tried with, have the same name in node_modules/.bin. */
export const TSC = at('node_modules/typescript/bin/tsc');

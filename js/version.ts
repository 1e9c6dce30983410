/** Of this package; written in by the build. */
export const VERSION = '__VERSION__';

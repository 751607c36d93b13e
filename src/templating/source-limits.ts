/** What one template text may be. Source: measured on Handlebars 4.7; larger ones cost more to compile than to run. */
export const LIMITS = { sourceBytes: 64 * 1_024, nodes: 2_000, nesting: 20, partialDepth: 10 } as const;

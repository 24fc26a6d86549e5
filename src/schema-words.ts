/** How a schema refuses what is read from a file. */
import type { z } from 'zod'

/** For zod's `safeParse`: what is not there is missing, which users know, and not `undefined`, which they do not. */
export const inWords: { readonly error: z.core.$ZodErrorMap } = {
  error: ({ code, input }) => (code === 'invalid_type' && input === undefined ? 'it is missing' : undefined),
}

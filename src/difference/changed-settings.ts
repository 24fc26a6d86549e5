/** Which settings of two configurations differ. */

export interface ChangedSetting {
  /** Its path, such as `model.epochs` or `compress[1].sparsity`. */
  readonly key: string
  /** Absent where the other configuration alone has it. */
  readonly a?: unknown
  readonly b?: unknown
}

type Settings = Readonly<Record<string, unknown>>

/** Leaves that differ, in the order of the first configuration, then those that only the second has. */
export function changedSettings(a: Settings, b: Settings): ChangedSetting[] {
  const [of, other] = [leaves(a), leaves(b)]
  return [...new Set([...of.keys(), ...other.keys()])]
    .filter(key => JSON.stringify(of.get(key)) !== JSON.stringify(other.get(key)))
    .map(key => ({
      key,
      ...(of.has(key) && { a: of.get(key) }),
      ...(other.has(key) && { b: other.get(key) }),
    }))
}

/** Lists of plain values count as one leaf. */
function leaves(value: unknown, path = ''): Map<string, unknown> {
  const isObject = (item: unknown) => typeof item === 'object' && item !== null
  if (Array.isArray(value) && value.some(isObject)) {
    return new Map(value.flatMap((item, i) => [...leaves(item, `${path}[${i}]`)]))
  }
  if (!isObject(value) || Array.isArray(value)) return new Map([[path, value]])
  return new Map(
    Object.entries(value as object).flatMap(([key, item]) => [
      ...leaves(item, path === '' ? key : `${path}.${key}`),
    ]),
  )
}

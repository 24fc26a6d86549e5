/** Changes of a file as edits of its bytes, so that all that is not meant stays as it was, and can be taken back. */

export interface Edit {
  /** Where in the file, before any edit. */
  readonly offset: number
  /** Bytes that go. */
  readonly length: number
  /** Bytes that come in their place. */
  readonly bytes: Uint8Array
}

/**
 * The bytes after the edits.
 * @param edits in ascending order, none overlapping another
 * @param undo told the edit of the new bytes that takes each edit back, in ascending order
 * @throws RangeError if the edits overlap, or lie beyond the end
 */
export async function* edited(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  edits: readonly Edit[],
  undo: (edit: Edit) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let next = 0
  let position = 0
  let shift = 0
  let removed: Uint8Array[] = []
  function finish({ offset, bytes }: Edit): void {
    const old = Buffer.concat(removed)
    undo({ offset: offset + shift, length: bytes.length, bytes: old })
    shift += bytes.length - old.length
    removed = []
    next++
    if (next < edits.length && edits[next].offset < position) {
      throw new RangeError(`the edit at ${edits[next].offset} begins before ${position}, where one ends`)
    }
  }
  for await (const chunk of chunks) {
    let from = 0
    while (from < chunk.length) {
      const edit = edits[next] as Edit | undefined
      if (edit === undefined || edit.offset >= position + chunk.length - from) {
        yield chunk.subarray(from)
        position += chunk.length - from
        break
      }
      if (edit.offset > position) {
        yield chunk.subarray(from, from + edit.offset - position)
        from += edit.offset - position
        position = edit.offset
      }
      const gone = Math.min(chunk.length - from, edit.offset + edit.length - position)
      if (gone > 0) removed.push(chunk.slice(from, from + gone))
      from += gone
      position += gone
      if (position === edit.offset + edit.length) {
        yield edit.bytes
        finish(edit)
      }
    }
  }
  for (let edit = edits[next]; edit !== undefined; edit = edits[next]) {
    if (edit.offset !== position || edit.length > 0) {
      throw new RangeError(`the edit at ${edit.offset} lies beyond the end of the file, ${position}`)
    }
    yield edit.bytes
    finish(edit)
  }
}

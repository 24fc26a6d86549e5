/** How Node says of a thread's heap and of buffers that memory is short, and ONNX Runtime of its tensors. */
export function isWantOfMemory(error: unknown): boolean {
  const { code, message = '' } = error as NodeJS.ErrnoException
  return (
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    /bad[ _]alloc|out of memory|allocation failed|failed to allocate|not enough memory/i.test(message)
  )
}

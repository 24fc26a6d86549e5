/** A typed array that grows, for columns whose length is known only at their end. */
export class GrowingArray<T extends Int32Array | BigUint64Array> {
  #values: T
  #length = 0

  constructor(private readonly ArrayType: new (length: number) => T) {
    this.#values = new ArrayType(1024)
  }

  push(value: T[number]): void {
    if (this.#length === this.#values.length) {
      const larger = new this.ArrayType(this.#length * 2)
      larger.set(this.#values as never)
      this.#values = larger
    }
    this.#values[this.#length++] = value as never
  }

  /** The values so far, a view. */
  get values(): T {
    return this.#values.subarray(0, this.#length) as T
  }
}

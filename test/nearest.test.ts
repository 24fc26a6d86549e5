import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, editDistance, nearest } from '../src/nearest.js'

const word = fc.string({ maxLength: 8 })

test('edit distance is symmetric, zero only for equal words, and bounded by the longer word', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      expect(distance).toBe(editDistance(b, a))
      expect(distance === 0).toBe(a === b)
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
    }),
  )
})

test.each([
  ['kitten', 'sitting', 3],
  ['epohcs', 'epochs', 1],
  ['', 'abc', 3],
])('%s to %s takes %i edits', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance)
})

test('finds the word that was meant, and none where nothing is near', () => {
  const known = ['epochs', 'batchSize', 'learningRate', 'lr']
  expect(nearest('epoch', known)).toBe('epochs')
  expect(nearest('batchsize', known)).toBe('batchSize')
  expect(nearest('learning_rate', known)).toBe('learningRate')
  expect(nearest('architecture', known)).toBeUndefined()
  expect(nearest('x', [])).toBeUndefined()
})

test('a beginning stands for the one name that begins so', () => {
  expect(nearest('animal', ['picture', 'animal name'])).toBe('animal name')
  expect(nearest('animal', ['animal name', 'animal kind'])).toBeUndefined()
  expect(nearest('an', ['picture', 'animal name'])).toBeUndefined()
})

test('asks only where there is something to ask', () => {
  expect(didYouMean('epoch', ['epochs'])).toBe('Did you mean "epochs"? ')
  expect(didYouMean('epoch', ['width'])).toBe('')
})

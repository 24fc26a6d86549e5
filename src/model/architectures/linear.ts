/** One dense layer: multinomial logistic regression, the usual probe of features that a backbone gives. */
import { elements, inputShapeOf } from '../shapes.js'
import type { Family } from './family.js'

export const linear: Family = {
  pattern: /^linear$/,
  describe: 'linear',
  recipe: {
    // Rate and decay fit features scaled as below; docs/features.md shows others.
    learningRate: 5,
    schedule: 'cosine',
    warmupEpochs: 0.5,
    momentum: 0.9,
    weightDecay: 1e-3,
    labelSmoothing: 0.1,
    flip: 'none',
    shift: 0,
  },
  layers: ({ input, classes }) => [
    ...(input.kind === 'image' ? [{ kind: 'flatten' } as const] : []),
    { kind: 'dense', name: 'logits', units: classes, bias: true },
    // The slope of the loss grows with the number of inputs. Divided by it, one rate fits 10 features and 4096.
    { kind: 'multiply', factor: 1 / Math.sqrt(elements(inputShapeOf(input))) },
  ],
}

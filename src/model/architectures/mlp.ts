/** Two hidden layers, for features and small pictures. */
import type { Layer } from '../architecture.js'
import { type Family, scaled } from './family.js'

export const mlp: Family = {
  pattern: /^mlp$/,
  describe: 'mlp',
  recipe: {
    learningRate: 0.05,
    schedule: 'cosine',
    warmupEpochs: 0.5,
    momentum: 0.9,
    weightDecay: 5e-4,
    labelSmoothing: 0.1,
    flip: 'none',
    shift: 0,
  },
  layers({ input, classes, width, dropout }) {
    const hidden = (name: string, units: number): Layer[] => [
      { kind: 'dense', name, units: scaled(units, width), bias: true },
      { kind: 'activation', function: 'relu' },
      ...(dropout > 0 ? [{ kind: 'dropout', rate: dropout } as const] : []),
    ]
    return [
      ...(input.kind === 'image' ? [{ kind: 'flatten' } as const] : []),
      ...hidden('hidden1', 256),
      ...hidden('hidden2', 128),
      { kind: 'dense', name: 'logits', units: classes, bias: true },
    ]
  },
}

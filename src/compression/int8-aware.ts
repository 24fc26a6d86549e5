/**
 * Quantization-aware training, its last step (Jacob et al. 2018, arXiv 1712.05877, section 3): a network that was
 * trained with fake quantization becomes the integer network that it has played. The file is of the same kind as that
 * of `int8-static`; the ranges of activations are those that training ran along.
 */
import { DataError } from '../errors.js'
import { rangesProperty } from '../onnx/export.js'
import type { Model } from '../onnx/model.js'
import type { ActivationRange } from './affine-quantization.js'
import { foldBatchNorm } from './fold-batch-norm.js'
import { quantizationSources, quantize } from './int8-static.js'
import { floatLayerNotes } from './kernels.js'
import type { CompressionMethod } from './method.js'

export const int8Aware: CompressionMethod<object> = {
  async compress(model) {
    const trained = takeRanges(model)
    foldBatchNorm(model.graph)
    const sources = quantizationSources(model.graph, trained.keys())
    const ranges = new Map([...trained].map(([tensor, range]) => [sources.get(tensor)!, range]))
    quantize(model, sources, ranges)
    return floatLayerNotes(model.graph)
  },
}

/** The range of each tensor that training has rounded; the property that held them goes. */
function takeRanges(model: Model): Map<string, ActivationRange> {
  const property = model.metadataProps.find(({ key }) => key === rangesProperty)
  if (property === undefined) {
    throw new DataError('the model was not trained with fake quantization: it has no ranges of activations', {
      key: rangesProperty,
    })
  }
  model.metadataProps = model.metadataProps.filter(other => other !== property)
  const ranges = JSON.parse(property.value ?? '') as Record<string, [number, number]>
  return new Map(Object.entries(ranges).map(([tensor, [min, max]]) => [tensor, { min, max }]))
}

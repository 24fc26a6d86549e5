/**
 * The one interface behind which a training engine stands. An engine runs optimizer steps; what a step sees
 * (which examples, how shifted, at what learning rate, under which masks) is decided outside, from a seed, so
 * that every engine given the same plan follows the same loss curve.
 */
import type { Architecture, Weight } from '../model/architecture.js'

/** The whole training set, in memory once; batches are gathered from it inside the engine. */
export interface TrainingData {
  /** Bytes [examples, height, width, channels] for images, floats [examples, features] otherwise. */
  readonly inputs: Uint8Array | Float32Array
  readonly examples: number
  /** Class index of each example, [examples]. */
  readonly labels: Int32Array
  /** Weight of each example in the loss, [examples], ≥ 0; mean over a batch is Σ weight × loss / batch size. Absent: all 1. */
  readonly exampleWeights?: Float32Array
  /** What teachers say of each example, probabilities at the temperature of {@link TrainerOptions.distillation}, [examples, classes]. */
  readonly softTargets?: Float32Array
}

/** Stochastic gradient descent; Sutskever et al. 2013 for Nesterov's form, as PyTorch writes it: m ← μm + g; w ← w − η(g + μm). */
export interface OptimizerOptions {
  readonly momentum: number
  readonly nesterov: boolean
  /** L2 added to the gradient of kernels: g ← g + λw. Biases, scales and shifts are left out. */
  readonly weightDecay: number
}

/**
 * Distillation (Hinton et al. 2015, arXiv 1503.02531, section 2): an example's loss is (1 − w) · cross-entropy with
 * its label + w · T² · KL(soft targets ‖ softmax(logits / T)). The factor T² keeps the gradients of both of one size.
 */
export interface Distillation {
  /** T, above 0. */
  readonly temperature: number
  /** w, 0 to 1. */
  readonly weight: number
}

export interface TrainerOptions {
  readonly batchSize: number
  /** Share ε of the target spread evenly over all classes, 0 to 1: (1 − ε) one-hot + ε / classes. */
  readonly labelSmoothing: number
  readonly optimizer: OptimizerOptions
  /** Largest shift in pixels that {@link StepInputs.shifts} may hold; 0 where shifts are never given. */
  readonly maxShift: number
  /** Whether {@link StepInputs.flips} may be given. */
  readonly flips: boolean
  /** Whether slow weights are kept, for {@link Trainer.updateSlowWeights}. */
  readonly lookahead?: true
  /** Names of kernels that a mask may set to zero; empty for dense members. */
  readonly maskedWeights: readonly string[]
  /** Needs {@link TrainingData.softTargets}. */
  readonly distillation?: Distillation
}

/** What a number of consecutive steps see; every array is laid out [steps, batchSize, …]. */
export interface StepInputs {
  readonly steps: number
  /** Row of the training set, [steps, batchSize]. */
  readonly examples: Int32Array
  /** η of each step, [steps]. */
  readonly learningRates: Float32Array
  /** Rows and columns by which the picture moves down and right, each within ±maxShift, [steps, batchSize, 2]. Edges are filled by reflection. */
  readonly shifts?: Int32Array
  /** 1 where the picture is mirrored left to right, [steps, batchSize]. */
  readonly flips?: Uint8Array
  /** Seed of this chunk's dropout masks; see {@link dropoutMask} in `dropout.ts`. */
  readonly dropoutSeed: number
}

/** Everything that training changes. Arrays are in the order of `weightSpecs(architecture)`. */
export interface TrainingState {
  readonly weights: readonly Weight[]
  /** Momentum buffers of the trainable weights, by the weight's name. */
  readonly momenta: readonly Weight[]
}

/** Examples that need not be in the training set. */
export interface LabelledExamples {
  /** As {@link TrainingData.inputs}, at least one example. */
  readonly inputs: Uint8Array | Float32Array
  /** Class of each, [examples]. */
  readonly labels: Int32Array
}

export interface Gradients {
  /** Mean cross-entropy over the examples. */
  readonly loss: number
  /** Its gradient by each kernel that may be masked, in the shape of the kernel, as the forward pass sees it: weight × mask. */
  readonly kernels: ReadonlyMap<string, Float32Array>
}

/** A network in training. Not safe for concurrent calls. */
export interface Trainer {
  /** Runs the steps in order and returns the loss of each (before its update), [steps]. */
  run(inputs: StepInputs): Promise<Float32Array>
  /** Sets masks of 0 and 1, by weight name, in force from the next step on: the forward pass sees weight × mask, gradients are masked likewise. */
  setMasks(masks: ReadonlyMap<string, Float32Array>): Promise<void>
  /**
   * Draws the weights back to the slow ones, which are those after the last call, or at the start: s ← s + share ·
   * (w − s), w ← s (Zhang et al. 2019, arXiv 1907.08610, algorithm 1). So are running statistics; ranges of activations
   * and momenta are not. Needs {@link TrainerOptions.lookahead}.
   * @param share 0 to 1
   */
  updateSlowWeights(share: number): Promise<void>
  /**
   * The slope of the loss at the weights as they are, for the network as it predicts: batch normalisation by its
   * running statistics, no dropout, no augmentation, no label smoothing. Changes nothing.
   */
  gradients(examples: LabelledExamples): Promise<Gradients>
  state(): Promise<TrainingState>
  /** Frees what the engine holds; the trainer cannot be used afterwards. */
  dispose(): Promise<void>
}

export interface Engine {
  readonly name: 'onnxruntime' | 'tfjs' | 'tfjs-node' | 'tfjs-node-gpu'
  /** Version of the library underneath. */
  readonly version: string
  createTrainer(
    architecture: Architecture,
    data: TrainingData,
    options: TrainerOptions,
    initial: TrainingState,
  ): Promise<Trainer>
}

/** What a worker has done since it started, as metrics. */
import type { Family, Sample } from '../metrics/prometheus.js'
import { pielineVersion } from '../pipeline/versions.js'
import { type JobData, jobKinds } from './queue.js'

type Kind = JobData['kind']

/** `reused`: somebody else had made it. `failed`: tried again later or set aside. `returned`: given back unfinished. */
const outcomes = ['done', 'reused', 'failed', 'returned'] as const
export type Outcome = (typeof outcomes)[number]

export class Tally {
  readonly #places: number
  readonly #jobs = new Map<string, number>()
  readonly #seconds = new Map<Kind, number>()
  readonly #active = new Map<Kind, number>()
  #setAside = 0
  #steps = 0
  #isConnected = true

  /** @param places jobs that it takes at once */
  constructor(places: number) {
    this.#places = places
  }

  begun(kind: Kind): void {
    add(this.#active, kind, 1)
  }

  /** @param seconds from when it was begun */
  ended(kind: Kind, outcome: Outcome, seconds: number): void {
    add(this.#active, kind, -1)
    add(this.#jobs, `${kind} ${outcome}`, 1)
    add(this.#seconds, kind, seconds)
  }

  setAside(): void {
    this.#setAside++
  }

  trained(steps: number): void {
    this.#steps += steps
  }

  connected(isConnected: boolean): void {
    this.#isConnected = isConnected
  }

  families(): Family[] {
    const gauge = (name: string, help: string, value: number): Family => ({
      name,
      type: 'gauge',
      help,
      samples: [{ labels: {}, value }],
    })
    const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
      name,
      type: 'counter',
      help,
      samples,
    })
    const ofKinds = (values: ReadonlyMap<Kind, number>) =>
      jobKinds.map(kind => ({ labels: { kind }, value: values.get(kind) ?? 0 }))
    return [
      {
        name: 'pieline_build_info',
        type: 'gauge',
        help: 'Version of pieline',
        samples: [{ labels: { version: pielineVersion }, value: 1 }],
      },
      gauge('pieline_worker_redis_up', 'Whether it is connected to Redis', Number(this.#isConnected)),
      gauge('pieline_worker_places', 'Jobs that it takes at once', this.#places),
      {
        name: 'pieline_worker_active_jobs',
        type: 'gauge',
        help: 'Jobs under way',
        samples: ofKinds(this.#active),
      },
      counter(
        'pieline_worker_jobs_total',
        'Jobs that it has taken and that ended since it started, by how they did',
        jobKinds.flatMap(kind =>
          outcomes.map(outcome => ({
            labels: { kind, outcome },
            value: this.#jobs.get(`${kind} ${outcome}`) ?? 0,
          })),
        ),
      ),
      counter('pieline_worker_job_seconds_total', 'Time that they took', ofKinds(this.#seconds)),
      counter('pieline_worker_set_aside_total', 'Jobs that failed for good', [
        { labels: {}, value: this.#setAside },
      ]),
      counter('pieline_worker_training_steps_total', 'Steps of training done', [
        { labels: {}, value: this.#steps },
      ]),
    ]
  }
}

function add<Key>(values: Map<Key, number>, key: Key, by: number): void {
  values.set(key, (values.get(key) ?? 0) + by)
}

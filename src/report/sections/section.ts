import type { Html } from '../../pages/html.js'

/** A part of the page under a heading of its own, reached from the navigation. */
export interface Section {
  /** Fragment in the page's address. */
  readonly id: string
  readonly title: string
  readonly body: Html
}

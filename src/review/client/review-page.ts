/**
 * The review's page in the browser. The compiled text of this module is what the server sends; it imports nothing at run
 * time. Text from the data only ever becomes text nodes and attributes.
 */
import type { ReviewEvent } from '../decisions.js'
import type { Progress } from '../estimate.js'
import type { DecideBody, DetailAnswer, QueueAnswer, QueueRow, RunAnswer, SavedAnswer } from '../messages.js'

type Ruling = Omit<DecideBody, 'rows'>

export interface Key {
  readonly key: string
  readonly id: string
  readonly title: string
  /** Whether the page has a button for it. */
  readonly button: boolean
  /** What it rules, of keys that rule at once. */
  readonly ruling?: Ruling
}

/** What the keys do, in the page and in the terminal. */
export const keys: readonly Key[] = [
  { key: 'k', id: 'keep', title: 'Keep', button: true, ruling: { action: 'keep' } },
  {
    key: 's',
    id: 'suggestion',
    title: 'Take suggestion',
    button: true,
    ruling: { action: 'relabel', label: 'suggested' },
  },
  { key: 'l', id: 'label', title: 'Another label', button: true },
  {
    key: 'm',
    id: 'several',
    title: 'Several objects',
    button: true,
    ruling: { action: 'keep', kind: 'several-objects' },
  },
  {
    key: 'c',
    id: 'corrupted',
    title: 'Corrupted',
    button: true,
    ruling: { action: 'drop', kind: 'corrupted' },
  },
  { key: 'u', id: 'unsure', title: 'Unsure', button: true, ruling: { action: 'unsure' } },
  { key: 'd', id: 'drop', title: 'Drop', button: true, ruling: { action: 'drop' } },
  {
    key: 'a',
    id: 'abstract',
    title: 'Keep: abstract',
    button: false,
    ruling: { action: 'keep', kind: 'abstract' },
  },
  {
    key: 'f',
    id: 'fine-grained',
    title: 'Keep: fine-grained',
    button: false,
    ruling: { action: 'keep', kind: 'fine-grained' },
  },
  {
    key: 't',
    id: 'atypical',
    title: 'Keep: atypical',
    button: false,
    ruling: { action: 'keep', kind: 'atypical' },
  },
  { key: 'z', id: 'undo', title: 'Undo', button: true },
  { key: 'n', id: 'next', title: 'Next', button: true },
  { key: 'p', id: 'previous', title: 'Previous', button: true },
  { key: 'v', id: 'whole', title: 'View the whole text', button: false },
  { key: 'x', id: 'page', title: 'Choose the page of the grid', button: false },
  { key: 'g', id: 'grid', title: 'Grid, or one by one', button: false },
  { key: '/', id: 'search', title: 'Search', button: false },
  { key: '?', id: 'help', title: 'Keys', button: true },
]

/** Suspects that are known ahead, pictures that are loaded ahead, and suspects of which more is. */
const rowsAhead = 60
const picturesAhead = 16
const detailsAhead = 4
/** Cells on a page of the grid. */
const gridSize = 60
/** Classes that the list of labels offers at a time. */
const offered = 50

/**
 * The classes whose names fit what was typed: those that begin with it, then those of which a word does, then those
 * that hold it anywhere.
 */
export function matchingClasses(classNames: readonly string[], typed: string): number[] {
  const text = typed.trim().toLowerCase()
  const rank = (name: string): number => {
    const at = name.toLowerCase().indexOf(text)
    if (at <= 0) return at
    return name
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .some(word => word.startsWith(text))
      ? 1
      : 2
  }
  return classNames
    .map((name, index) => ({ index, rank: rank(name) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ index }) => index)
}

const percent = (share: number) => `${Math.round(share * 100)}\u202f%`
const count = (value: number) => Math.round(value).toLocaleString('en-US')

/** The figures of the review's head: term and value. */
export function progressFigures(progress: Progress): [term: string, value: string][] {
  const { suspects, decided, precision, left, next } = progress
  return [
    ['Decided', `${count(decided)} of ${count(suspects)}`],
    ['Wrong so far', precision === undefined ? '–' : percent(precision)],
    ['Wrong among the rest', `${count(left.mean)} (${count(left.low)}–${count(left.high)})`],
    [`Among the next ${count(next.count)}`, `${count(next.mean)} (${count(next.low)}–${count(next.high)})`],
  ]
}

/** The page's word on whether to go on; undefined while there is reason to. */
export function stopAdvice({ canStop, next, suspects, decided }: Progress): string | undefined {
  if (!canStop) return undefined
  return decided === suspects
    ? 'Every suspect is decided.'
    : `You can stop here: of the next ${count(next.count)} suspects about ${count(next.mean)} have a wrong label, most likely no more than ${count(next.high)}.`
}

/** An event of an example's history in words. */
export function eventText(event: ReviewEvent): string {
  const what =
    'undoes' in event
      ? 'took it back'
      : `${event.action}${event.label === undefined ? '' : ` to ${event.label}`}${event.kind === undefined ? '' : ` (${event.kind})`}${event.note === undefined ? '' : `: ${event.note}`}`
  return `${event.reviewer}, ${event.time.slice(0, 16).replace('T', ' ')} UTC, label ${event.given}: ${what}`
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : String(value))
  }
  made.append(...children)
  return made
}

/** Asks the server. @throws Error with what it says, or that it does not answer */
async function ask<T>(path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(
      path,
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) },
    )
  } catch {
    throw new Error(
      'the server does not answer. What was shown as saved is saved; start "pieline review" again and open the address that it prints.',
    )
  }
  const answer = await response.json()
  if (!response.ok) throw new Error((answer as { error: string }).error)
  return answer as T
}

/** Brings the page to life. */
export async function start(document: Document): Promise<void> {
  const find = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind
  const filters = find<HTMLFormElement>('filters')
  const note = find<HTMLInputElement>('note')
  const trouble = find('trouble')
  const suspect = find('suspect')
  const grid = find('grid')
  const cells = find('cells')

  function complain(error: unknown): void {
    trouble.textContent = error instanceof Error ? error.message : String(error)
    trouble.hidden = false
  }

  let run: RunAnswer
  try {
    run = await ask<RunAnswer>('/api/run')
  } catch (error) {
    complain(error)
    return
  }
  const { classNames, levels } = run
  const className = (index: number) => classNames[index] ?? '–'

  // What is shown, what comes, and what was.
  let current: QueueRow | undefined
  let ahead: QueueRow[] = []
  let past: QueueRow[] = []
  let total = 0
  let from = 0
  let ended = false
  /** Counts queues, so that answers about an earlier one are dropped. */
  let queueNumber = 0
  let filling: Promise<void> | undefined
  /** What this sitting decided, for undo: the last decision last. */
  const done: (readonly QueueRow[])[] = []
  /** Requests that change something go one after the other. */
  let saving: Promise<unknown> = Promise.resolve()
  let unsaved = 0

  let isGrid = false
  let pageRows: QueueRow[] = []
  let pageStarts = [0]
  let chosen = new Set<number>()

  // Pictures and details ahead.

  const pictures = new Map<number, HTMLImageElement>()
  const details = new Map<number, Promise<DetailAnswer>>()

  function picture(row: QueueRow): HTMLImageElement {
    const known = pictures.get(row.exampleRow)
    if (known !== undefined) return known
    const image = element('img', {
      class: run.pixelated ? 'picture pixelated' : 'picture',
      src: `/pictures/${row.exampleRow}`,
      alt: `Example ${row.id}`,
    })
    // Decoded before it is wanted; one that cannot be says so by its alternative text.
    image.decode().catch(() => {})
    pictures.set(row.exampleRow, image)
    return image
  }

  function detail(row: QueueRow): Promise<DetailAnswer> {
    const known = details.get(row.row) ?? ask<DetailAnswer>(`/api/suspects/${row.row}`)
    details.set(row.row, known)
    known.catch(() => details.delete(row.row))
    return known
  }

  function loadAhead(): void {
    if (run.form === 'pictures') for (const row of ahead.slice(0, picturesAhead)) picture(row)
    for (const row of ahead.slice(0, detailsAhead)) void detail(row).catch(() => {})
    for (const map of [pictures, details]) {
      for (const key of map.keys()) {
        if (map.size <= 200) break
        map.delete(key)
      }
    }
  }

  // The queue.

  function query(): URLSearchParams {
    const parameters = new URLSearchParams()
    for (const [name, value] of new FormData(filters)) {
      if (value === '' || name === 'pair' || name === 'subgroup') continue
      parameters.set(name, String(value))
    }
    const [given, suggested] = field('pair').value.split(' ')
    if (given !== undefined && suggested !== undefined) {
      parameters.set('given', given)
      parameters.set('suggested', suggested)
    }
    const [group, value] = field('subgroup').value.split('\n')
    if (group !== undefined && value !== undefined) {
      parameters.set('group', group)
      parameters.set('groupValue', value)
    }
    return parameters
  }

  const field = (name: string) => filters.elements.namedItem(name) as HTMLSelectElement | HTMLInputElement

  function page(start: number, limit: number): Promise<QueueAnswer> {
    const parameters = query()
    parameters.set('from', String(start))
    parameters.set('limit', String(limit))
    return ask<QueueAnswer>(`/api/queue?${parameters}`)
  }

  /** Fetches suspects until enough are ahead. */
  function fill(): Promise<void> {
    const number = queueNumber
    filling ??= (async () => {
      try {
        while (!ended && ahead.length < rowsAhead && number === queueNumber) {
          const answer = await page(from, rowsAhead)
          if (number !== queueNumber) return
          total = answer.total
          ended = answer.rows.length < rowsAhead
          from = (answer.rows.at(-1)?.place ?? from - 1) + 1
          ahead.push(...answer.rows)
          loadAhead()
        }
      } finally {
        if (number === queueNumber) filling = undefined
      }
    })()
    return filling
  }

  /** Begins at the head of the queue that the filters describe. */
  async function restart(): Promise<void> {
    const number = ++queueNumber
    filling = undefined
    ahead = []
    past = []
    from = 0
    ended = false
    current = undefined
    pageStarts = [0]
    chosen = new Set()
    try {
      // What is being saved belongs to the old queue; asked before, the server would offer it again.
      await saving
      if (number !== queueNumber) return
      if (isGrid) await showGrid()
      else {
        await fill()
        await advance()
      }
      trouble.hidden = true
    } catch (error) {
      complain(error)
    }
  }

  /** Shows the next suspect; at once where it is known already. */
  async function advance(): Promise<void> {
    if (current !== undefined) past.push(current)
    current = undefined
    if (ahead.length === 0 && !ended) await fill()
    current = ahead.shift()
    show()
    loadAhead()
    if (ahead.length < rowsAhead / 2) void fill().catch(complain)
  }

  function goBack(): void {
    const row = past.pop()
    if (row === undefined) return
    if (current !== undefined) ahead.unshift(current)
    current = row
    show()
  }

  // One suspect.

  function verdict(row: QueueRow): (Node | string)[] {
    const arrow = element('span', { class: 'arrow', 'aria-hidden': 'true' }, ' → ')
    return [
      element('span', { class: 'spoken' }, 'given '),
      element('bdi', { class: 'given' }, className(row.given)),
      arrow,
      element('span', { class: 'spoken' }, 'suggested '),
      element('bdi', { class: 'suggested' }, className(row.suggested)),
      ' ',
      element('span', { class: 'probability' }, percent(row.suggestedProbability)),
    ]
  }

  function badges(row: QueueRow): HTMLElement {
    const pies = row.pie.filter(Boolean).length
    const badge = (kind: string, text: string) => element('span', { class: `badge ${kind}` }, text)
    return element(
      'p',
      { class: 'badges' },
      ...(row.issue ? [badge('issue', row.issueKind ?? 'label issue')] : []),
      ...(pies > 0 ? [badge('pie', `PIE at ${pies} of ${levels.length - 1} levels`)] : []),
      ...row.hints.map(hint => badge('hint', hint)),
    )
  }

  function decided(row: QueueRow): HTMLElement[] {
    if (row.standing === null) return []
    const { byReviewer, disputed } = row.standing
    return [
      element(
        'p',
        { class: disputed ? 'disputed' : 'where' },
        `${disputed ? 'Reviewers disagree: ' : 'Decided: '}${byReviewer
          .map(
            ({ reviewer, action, label }) =>
              `${reviewer} ${action}${label === undefined ? '' : ` to ${label}`}`,
          )
          .join('; ')}`,
      ),
    ]
  }

  function votes(row: QueueRow): HTMLTableElement {
    const vote = (modal: number) =>
      modal === row.given ? 'given' : modal === row.suggested ? 'suggested' : 'other'
    const lines = levels.map((level, i) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, level),
        element(
          'td',
          {},
          element('span', { class: `vote ${vote(row.modal[i]!)}`, 'aria-hidden': 'true' }),
          ' ',
          element('bdi', {}, className(row.modal[i]!)),
        ),
        element('td', { class: 'number' }, percent(row.agreement[i]!)),
      ),
    )
    const heads = ['Level', 'Its label'].map(head => element('th', { scope: 'col' }, head))
    heads.push(element('th', { scope: 'col', class: 'number' }, 'Agreement'))
    return element(
      'table',
      {},
      element('caption', {}, 'Votes of the levels'),
      element('thead', {}, element('tr', {}, ...heads)),
      element('tbody', {}, ...lines),
    )
  }

  function facts(row: QueueRow): HTMLElement {
    const groups = run.groups.map(({ name }, i) => `, ${name}: ${row.groups[i] ?? '–'}`).join('')
    return element(
      'div',
      {},
      element('h2', { class: 'verdict' }, ...verdict(row)),
      badges(row),
      ...decided(row),
      element(
        'p',
        { class: 'where' },
        `${row.place + 1} of ${count(total)}; ${row.split}; label quality ${row.labelQuality.toFixed(3)}${groups}`,
        element('br'),
        element('bdi', {}, row.id),
        ...(row.source.includes(row.id) ? [] : [' · ', element('bdi', {}, row.source)]),
      ),
      votes(row),
      element('div', { id: 'detail' }),
    )
  }

  function show(): void {
    const row = current
    find('queue-status').textContent = `${count(total)} suspects`
    if (row === undefined) {
      suspect.replaceChildren(
        element(
          'p',
          { class: 'empty' },
          total === 0 ? 'No suspect fits these filters.' : 'This queue is done.',
        ),
      )
      speak('The queue is done.')
      return
    }
    suspect.replaceChildren(
      run.form === 'pictures' ? picture(row) : element('div', { id: 'content' }, ...excerpt(row.excerpt)),
      facts(row),
    )
    speak(
      `Given ${className(row.given)}, suggested ${className(row.suggested)} at ${percent(row.suggestedProbability)}.`,
    )
    detail(row).then(
      found => {
        if (current === row) fillDetail(row, found)
      },
      error => {
        if (current === row) complain(error)
      },
    )
  }

  /** The beginning of a text that people see. */
  function excerpt(text: string | null): HTMLElement[] {
    return text === null ? [] : [element('p', { class: 'text', dir: 'auto' }, text)]
  }

  /** A text that people see, cut to a part of the window where it is long; a button then shows the rest. */
  function showText(place: HTMLElement, text: string): void {
    const shown = element('p', { id: 'text', class: 'text short', dir: 'auto' }, text)
    place.prepend(shown)
    if (shown.scrollHeight <= shown.clientHeight + 1) return
    const button = element(
      'button',
      {
        type: 'button',
        id: 'whole-text',
        'aria-controls': 'text',
        'aria-expanded': 'false',
        'aria-keyshortcuts': 'v',
      },
      `Whole text (${count(text.length)} characters)`,
    )
    button.addEventListener('click', () => {
      const isShort = shown.classList.toggle('short')
      button.setAttribute('aria-expanded', String(!isShort))
      if (isShort) shown.scrollIntoView({ block: 'nearest' })
    })
    shown.after(button)
  }

  function fillDetail(row: QueueRow, { neighbors, history, features, text }: DetailAnswer): void {
    find('detail').replaceChildren(
      ...(neighbors.length > 0
        ? [
            element('h3', {}, 'Most similar examples'),
            element(
              'ol',
              { class: run.text ? 'near texts' : 'near' },
              ...neighbors.map(near =>
                element(
                  'li',
                  { title: near.id },
                  ...(run.form === 'pictures'
                    ? [
                        element('img', {
                          class: run.pixelated ? 'picture pixelated' : 'picture',
                          src: `/pictures/${near.exampleRow}`,
                          alt: '',
                          loading: 'lazy',
                          decoding: 'async',
                        }),
                      ]
                    : []),
                  element(
                    'bdi',
                    {
                      class:
                        near.given === row.given
                          ? 'same'
                          : near.given === row.suggested
                            ? 'suggested'
                            : undefined,
                    },
                    className(near.given),
                  ),
                  ` ${near.similarity.toFixed(2)}`,
                  ...excerpt(near.excerpt),
                ),
              ),
            ),
          ]
        : []),
      ...(history.length > 0
        ? [
            element('h3', {}, 'History'),
            element('ol', { class: 'history' }, ...history.map(event => element('li', {}, eventText(event)))),
          ]
        : []),
    )
    const place = find(run.form === 'pictures' ? 'detail' : 'content')
    if (run.form === 'features') place.replaceChildren(...featureTable(features, text !== null))
    if (text !== null) showText(place, text)
  }

  /** What the networks see; where people have a text to read, only for who asks. */
  function featureTable(features: readonly number[], isAside: boolean): HTMLElement[] {
    const lines = features.map((value, i) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, run.featureNames[i] ?? String(i)),
        element('td', { class: 'number' }, String(Number(value.toPrecision(4)))),
      ),
    )
    const rows = element('tbody', {}, ...lines)
    return isAside
      ? [element('details', {}, element('summary', {}, 'Features'), element('table', {}, rows))]
      : [element('table', {}, element('caption', {}, 'Features'), rows)]
  }

  // The grid.

  async function showGrid(): Promise<void> {
    const number = queueNumber
    const answer = await page(pageStarts.at(-1)!, gridSize)
    if (number !== queueNumber) return
    total = answer.total
    pageRows = [...answer.rows]
    find('queue-status').textContent = `${count(total)} suspects`
    drawGrid()
  }

  function drawGrid(): void {
    const buttons = pageRows.map((row, i) => {
      const button = element(
        'button',
        {
          type: 'button',
          class: 'card',
          'data-row': row.row,
          'aria-pressed': String(chosen.has(row.row)),
          tabindex: i === 0 ? 0 : -1,
        },
        ...(run.form === 'pictures'
          ? [
              element('img', {
                class: run.pixelated ? 'picture pixelated' : 'picture',
                src: `/pictures/${row.exampleRow}`,
                alt: row.id,
                decoding: 'async',
              }),
            ]
          : [element('bdi', {}, row.id)]),
        ...(row.excerpt === null ? [] : [element('span', { class: 'text', dir: 'auto' }, row.excerpt)]),
        element('span', { class: 'verdict' }, ...verdict(row)),
      )
      return element('li', {}, button)
    })
    cells.replaceChildren(
      ...(buttons.length > 0 ? buttons : [element('li', { class: 'empty' }, 'There is nothing here.')]),
    )
    find<HTMLButtonElement>('previous-page').disabled = pageStarts.length === 1
    find<HTMLButtonElement>('next-page').disabled = pageRows.length < gridSize
    showChosen()
  }

  function showChosen(): void {
    find('chosen').textContent = `${count(chosen.size)} chosen`
    for (const button of gridButtons()) {
      button.setAttribute('aria-pressed', String(chosen.has(Number(button.dataset.row))))
    }
  }

  const gridButtons = () => [...cells.querySelectorAll<HTMLButtonElement>('button')]

  function toggle(row: number): void {
    if (!chosen.delete(row)) chosen.add(row)
    showChosen()
  }

  function moveInGrid(key: string): boolean {
    const buttons = gridButtons()
    const index = buttons.indexOf(document.activeElement as HTMLButtonElement)
    if (index === -1) return false
    const top = buttons[0]!.getBoundingClientRect().top
    const inRow = buttons.findIndex(button => button.getBoundingClientRect().top !== top)
    const columns = inRow === -1 ? buttons.length : inRow
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key]
    const target = step === undefined ? undefined : buttons[index + step]
    if (target === undefined) return false
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1
    target.focus()
    return true
  }

  async function setView(wanted: boolean): Promise<void> {
    isGrid = wanted
    grid.hidden = !isGrid
    suspect.hidden = isGrid
    find('view-grid').setAttribute('aria-pressed', String(isGrid))
    find('view-one').setAttribute('aria-pressed', String(!isGrid))
    await restart()
    if (isGrid) gridButtons()[0]?.focus()
  }

  // Deciding.

  const speak = (text: string) => {
    find('spoken').textContent = text
  }

  function showProgress(progress: Progress): void {
    find('progress').replaceChildren(
      ...progressFigures(progress).map(([term, value]) =>
        element('div', {}, element('dt', {}, term), element('dd', {}, value)),
      ),
    )
    const advice = stopAdvice(progress)
    find('advice').hidden = advice === undefined
    find('advice').textContent = advice ?? ''
  }

  /** Sends a change; the page goes on meanwhile, and says "saved" when it is on the disk. */
  function save(path: string, body: unknown): Promise<SavedAnswer> {
    unsaved++
    find('saved').textContent = 'saving …'
    const answer = saving.then(() => ask<SavedAnswer>(path, body))
    saving = answer.catch(() => {})
    return answer.then(
      saved => {
        unsaved--
        if (unsaved === 0) find('saved').textContent = 'saved'
        trouble.hidden = true
        takeUp(saved)
        return saved
      },
      error => {
        unsaved--
        find('saved').textContent = 'not saved'
        throw error
      },
    )
  }

  function takeUp({ changed, progress }: SavedAnswer): void {
    const known = new Map([...past, ...(current === undefined ? [] : [current])].map(row => [row.row, row]))
    for (const { row, standing } of changed) {
      details.delete(row)
      const shown = known.get(row)
      if (shown !== undefined) shown.standing = standing
    }
    showProgress(progress)
  }

  function takeNote(): { note?: string } {
    const text = note.value.trim()
    note.value = ''
    return text === '' ? {} : { note: text }
  }

  async function decide(ruling: Ruling): Promise<void> {
    const body = { ...ruling, ...takeNote() }
    if (isGrid) {
      await decideChosen(body)
      return
    }
    const row = current
    if (row === undefined) return
    const decision = [row]
    done.push(decision)
    const saved = save('/api/decide', { rows: [row.row], ...body })
    await advance()
    try {
      await saved
    } catch (error) {
      complain(error)
      done.splice(done.indexOf(decision), 1)
      comeBackTo(row)
    }
  }

  /** Shows a suspect again whose decision is taken back or was not saved. */
  function comeBackTo(row: QueueRow): void {
    if (current?.row === row.row) return
    const at = past.findLastIndex(other => other.row === row.row)
    if (at !== -1) past.splice(at, 1)
    if (current !== undefined) ahead.unshift(current)
    current = row
    show()
  }

  async function decideChosen(ruling: Ruling): Promise<void> {
    const rows = [...chosen]
    if (rows.length === 0) {
      speak('Nothing is chosen.')
      find('saved').textContent = 'nothing is chosen'
      return
    }
    try {
      await save('/api/decide', { rows, ...ruling })
      done.push(rows.map(row => pageRows.find(known => known.row === row) ?? ({ row } as QueueRow)))
      chosen = new Set()
      await showGrid()
      speak(`${count(rows.length)} decided.`)
      gridButtons()[0]?.focus()
    } catch (error) {
      complain(error)
    }
  }

  async function undo(): Promise<void> {
    const rows = done.pop() ?? (current === undefined ? [] : [current])
    if (rows.length === 0) return
    try {
      const { changed: undone } = await save('/api/undo', { rows: rows.map(({ row }) => row) })
      speak(`${count(undone.length)} taken back.`)
      if (undone.length === 0) find('saved').textContent = 'nothing to take back'
      if (isGrid) await showGrid()
      else if (rows[0]?.id !== undefined && undone.length > 0) comeBackTo(rows[0])
      else if (undone.length > 0) await restart()
    } catch (error) {
      done.push(rows)
      complain(error)
    }
  }

  /**
   * Closes a dialog and takes the focus out of it. A browser alone does both some time later, and keys that
   * are pressed until then would go into a field that nobody sees.
   */
  function leave(dialog: HTMLDialogElement): void {
    if (dialog.contains(document.activeElement)) (document.activeElement as HTMLElement).blur()
    dialog.close()
  }

  // Another label.

  const labels = find<HTMLDialogElement>('labels')
  const labelText = find<HTMLInputElement>('label-text')
  const labelList = find('label-list')
  let offers: number[] = []
  let offer = 0

  /** Without a word typed, what the levels vote for comes first. */
  function offerLabels(): void {
    const typed = labelText.value
    const matching = matchingClasses(classNames, typed)
    const voted = new Set(typed === '' && current !== undefined ? [current.suggested, ...current.modal] : [])
    offers = [...voted, ...matching.filter(index => !voted.has(index))].slice(0, offered)
    offer = 0
    drawOffers()
  }

  function drawOffers(): void {
    labelList.replaceChildren(
      ...offers.map((index, i) =>
        element(
          'li',
          { id: `label-${i}`, role: 'option', 'aria-selected': String(i === offer), 'data-offer': i },
          element('bdi', {}, className(index)),
        ),
      ),
    )
    if (offers.length > 0) labelText.setAttribute('aria-activedescendant', `label-${offer}`)
    else labelText.removeAttribute('aria-activedescendant')
    labelList.children[offer]?.scrollIntoView({ block: 'nearest' })
  }

  function takeOffer(index: number): void {
    const label = offers[index]
    if (label === undefined) return
    leave(labels)
    void decide({ action: 'relabel', label })
  }

  labelText.addEventListener('input', offerLabels)
  labelText.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown') offer = Math.min(offers.length - 1, offer + 1)
    else if (event.key === 'ArrowUp') offer = Math.max(0, offer - 1)
    else if (event.key === 'Enter') takeOffer(offer)
    else return
    event.preventDefault()
    if (labels.open) drawOffers()
  })
  labelList.addEventListener('click', event => {
    const item = (event.target as Element).closest<HTMLElement>('[data-offer]')
    if (item) takeOffer(Number(item.dataset.offer))
  })

  // Keys and buttons.

  const acts: Readonly<Record<string, () => unknown>> = {
    ...Object.fromEntries(
      keys.flatMap(({ id, ruling }) => (ruling === undefined ? [] : [[id, () => decide(ruling)]])),
    ),
    label() {
      labelText.value = ''
      offerLabels()
      labels.showModal()
    },
    undo,
    next: () => (isGrid ? turn(1) : current !== undefined && advance().catch(complain)),
    previous: () => (isGrid ? turn(-1) : goBack()),
    grid: () => setView(!isGrid),
    page: () => isGrid && choosePage(),
    whole: () => document.getElementById('whole-text')?.click(),
    search() {
      find<HTMLDetailsElement>('filter-box').open = true
      field('text').focus()
    },
    help: () => find<HTMLDialogElement>('help').showModal(),
  }

  async function turn(by: number): Promise<void> {
    if (by > 0) {
      if (pageRows.length < gridSize) return
      pageStarts.push(pageRows.at(-1)!.place + 1)
    } else if (pageStarts.length > 1) pageStarts.pop()
    else return
    await showGrid().catch(complain)
    gridButtons()[0]?.focus()
  }

  function choosePage(): void {
    chosen = new Set([...chosen, ...pageRows.map(({ row }) => row)])
    showChosen()
  }

  async function chooseAll(): Promise<void> {
    try {
      chosen = new Set(await ask<number[]>(`/api/rows?${query()}`))
      showChosen()
    } catch (error) {
      complain(error)
    }
  }

  document.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const dialog = document.querySelector<HTMLDialogElement>('dialog[open]')
    if (dialog !== null) {
      if (event.key === 'Escape') leave(dialog)
      return
    }
    const target = event.target as HTMLElement
    if (target.matches('input, select, textarea')) {
      if (event.key === 'Escape' || (event.key === 'Enter' && target === note)) target.blur()
      return
    }
    const key = { ArrowRight: 'n', ArrowLeft: 'p' }[event.key] ?? event.key
    if (isGrid && moveInGrid(event.key)) {
      event.preventDefault()
      return
    }
    const known = keys.find(one => one.key === key)
    if (known === undefined) return
    event.preventDefault()
    const before = current
    acts[known.id]!()
    if (current !== undefined && current !== before) void measureNext(event.timeStamp, current)
  })
  /** Notes the time from a key to the end of the frame that has the next suspect, its picture decoded. */
  async function measureNext(pressed: number, row: QueueRow): Promise<void> {
    await pictures
      .get(row.exampleRow)
      ?.decode()
      .catch(() => {})
    requestAnimationFrame(() =>
      setTimeout(() => performance.measure('next', { start: pressed, end: performance.now() })),
    )
  }
  for (const { id, button } of keys) {
    if (button) find(`act-${id}`).addEventListener('click', () => acts[id]!())
  }
  cells.addEventListener('click', event => {
    const button = (event.target as Element).closest<HTMLElement>('[data-row]')
    if (button) toggle(Number(button.dataset.row))
  })
  find('view-one').addEventListener('click', () => setView(false))
  find('view-grid').addEventListener('click', () => setView(true))
  find('choose-page').addEventListener('click', choosePage)
  find('choose-all').addEventListener('click', chooseAll)
  find('choose-none').addEventListener('click', () => {
    chosen = new Set()
    showChosen()
  })
  find('previous-page').addEventListener('click', () => turn(-1))
  find('next-page').addEventListener('click', () => turn(1))
  filters.addEventListener('change', restart)
  filters.addEventListener('reset', () => setTimeout(restart))
  filters.addEventListener('submit', event => event.preventDefault())
  addEventListener('beforeunload', event => {
    if (unsaved > 0) event.preventDefault()
  })

  // What the filters offer.

  function offerIn(name: string, values: readonly (readonly [value: string, title: string])[]): void {
    const control = field(name)
    control.append(...values.map(([value, title]) => element('option', { value }, title)))
    control.parentElement!.hidden = values.length === 0
  }
  const same = (values: readonly string[]) => values.map(value => [value, value] as const)
  const byName = classNames
    .map((name, index) => [String(index), name] as const)
    .sort(([, a], [, b]) => a.localeCompare(b, 'en', { numeric: true }))
  offerIn('given', byName)
  offerIn('suggested', byName)
  offerIn('issueKind', same(run.issueKinds))
  offerIn('hint', same(run.hints))
  offerIn('split', run.splits.length > 1 ? same(run.splits) : [])
  offerIn(
    'pair',
    run.pairs.map(({ given, suggested, examples }) => [
      `${given} ${suggested}`,
      `${className(given)} → ${className(suggested)} (${count(examples)})`,
    ]),
  )
  offerIn(
    'subgroup',
    run.groups.flatMap(({ name, values }, i) =>
      values.map(value => [`${i}\n${value}`, `${name}: ${value}`] as const),
    ),
  )
  find('title').textContent = `${run.pipeline}, reviewed by ${run.reviewer}`
  if (run.torn > 0) {
    complain(
      `A crash cut ${run.torn === 1 ? 'a decision' : `${run.torn} decisions`} short while it was written; it had not been shown as saved, and is left out.`,
    )
  }
  showProgress(run.progress)
  const torn = !trouble.hidden
  await restart()
  if (torn) trouble.hidden = false
}

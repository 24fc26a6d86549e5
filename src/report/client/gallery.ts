/**
 * The gallery of suspects. This module runs twice: in Node, where it draws the first page into the report, and in the
 * browser, where its compiled text stands in the page and does the rest. It therefore imports nothing at run time and
 * knows no global but those that both have. Text from the data only ever becomes text nodes and attributes.
 */

/** The suspects by column, most suspicious first; what the page carries as JSON. */
export interface GalleryData {
  readonly classNames: readonly string[]
  /** Names of the levels, `dense` first. */
  readonly levels: readonly string[]
  /** Whether an example is a picture or a row of features. */
  readonly form: 'pictures' | 'features'
  /** Small pictures are enlarged pixel by pixel. */
  readonly pixelated: boolean
  readonly featureNames: readonly string[]
  readonly id: readonly string[]
  readonly split: readonly string[]
  /** Class indices; −1 for none. */
  readonly given: readonly number[]
  readonly suggested: readonly number[]
  /** 0 to 1; null where unknown. */
  readonly suggestedProbability: readonly (number | null)[]
  readonly labelQuality: readonly (number | null)[]
  readonly disagreement: readonly (number | null)[]
  readonly issue: readonly (0 | 1)[]
  /** Kinds of example it may be. */
  readonly hints: readonly (readonly string[])[]
  /** Modal label, agreement and PIE mark of each level, [suspect][level]. */
  readonly modal: readonly (readonly number[])[]
  readonly agreement: readonly (readonly number[])[]
  readonly pie: readonly (readonly (0 | 1)[])[]
  /** Data URI by row, where the report has the picture. */
  readonly pictures: Readonly<Record<number, string>>
  /** Features by row, where the report has them. */
  readonly features: Readonly<Record<number, readonly number[]>>
  /** Text by row, where examples have one. */
  readonly texts?: Readonly<Record<number, string>>
}

export const kinds = ['any', 'issue', 'pie', 'both', 'issue-only', 'pie-only'] as const
export const orders = [
  'suspicion',
  'quality',
  'probability',
  'disagreement',
  'levels',
  'given',
  'suggested',
  'id',
] as const

export interface Filter {
  /** Class index; undefined lets every class through. */
  readonly given: number | undefined
  readonly suggested: number | undefined
  readonly kind: (typeof kinds)[number]
  readonly hint: string | undefined
  /** Index of a level at which the example is a PIE. */
  readonly level: number | undefined
  /** Part of the id, or of the beginning of its text, in any case. */
  readonly text: string
  readonly order: (typeof orders)[number]
}

export const noFilter: Filter = {
  given: undefined,
  suggested: undefined,
  kind: 'any',
  hint: undefined,
  level: undefined,
  text: '',
  order: 'suspicion',
}

/** Suspects on one page, so that the document stays small however many there are. */
export const pageSize = 24

/** At how many levels the suspect is a PIE. */
export function pieLevels(data: GalleryData, row: number): number {
  return data.pie[row]!.reduce((sum: number, pie) => sum + pie, 0)
}

/** Rows that pass the filter, in its order; equal ones stay in the order of suspicion. */
export function select(data: GalleryData, filter: Filter): number[] {
  const text = filter.text.trim().toLowerCase()
  const holds = (of: string): boolean => of.toLowerCase().includes(text)
  const rows = data.id
    .map((_, row) => row)
    .filter(row => {
      const issue = data.issue[row] === 1
      const pie = pieLevels(data, row) > 0
      return (
        (filter.given === undefined || data.given[row] === filter.given) &&
        (filter.suggested === undefined || data.suggested[row] === filter.suggested) &&
        (filter.level === undefined || data.pie[row]![filter.level] === 1) &&
        (filter.hint === undefined || data.hints[row]!.includes(filter.hint)) &&
        isOfKind(filter.kind, issue, pie) &&
        (text === '' || holds(data.id[row]!) || holds(data.texts?.[row] ?? ''))
      )
    })
  const compare = comparison(data, filter.order)
  return compare === undefined ? rows : rows.sort((a, b) => compare(a, b) || a - b)
}

/** Whether an example that is a label issue, a PIE, both or neither is of this kind. */
export function isOfKind(kind: Filter['kind'], issue: boolean, pie: boolean): boolean {
  switch (kind) {
    case 'any':
      return true
    case 'issue':
      return issue
    case 'pie':
      return pie
    case 'both':
      return issue && pie
    case 'issue-only':
      return issue && !pie
    case 'pie-only':
      return pie && !issue
  }
}

/** Made once: `localeCompare` would make it anew for every pair. */
const byText = new Intl.Collator('en', { numeric: true })

function comparison(
  data: GalleryData,
  order: Filter['order'],
): ((a: number, b: number) => number) | undefined {
  const ascending = (column: readonly (number | null)[]) => (a: number, b: number) =>
    (column[a] ?? Number.MAX_VALUE) - (column[b] ?? Number.MAX_VALUE)
  const descending = (column: readonly (number | null)[]) => (a: number, b: number) =>
    (column[b] ?? -1) - (column[a] ?? -1)
  const byName = (column: readonly number[]) => (a: number, b: number) =>
    byText.compare(className(data, column[a]!), className(data, column[b]!))
  switch (order) {
    case 'suspicion':
      return undefined
    case 'quality':
      return ascending(data.labelQuality)
    case 'probability':
      return descending(data.suggestedProbability)
    case 'disagreement':
      return descending(data.disagreement)
    case 'levels':
      return (a, b) => pieLevels(data, b) - pieLevels(data, a)
    case 'given':
      return byName(data.given)
    case 'suggested':
      return byName(data.suggested)
    case 'id':
      return (a, b) => byText.compare(data.id[a]!, data.id[b]!)
  }
}

function className(data: GalleryData, index: number): string {
  return data.classNames[index] ?? '–'
}

const percent = (share: number | null) => (share === null ? '–' : `${Math.round(share * 100)}\u202f%`)
const fraction = (value: number | null) => (value === null ? '–' : value.toFixed(3))

type Attributes = Readonly<Record<string, string | number | undefined>>

function element(
  document: Document,
  tag: string,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElement {
  const made = document.createElement(tag)
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, String(value))
  }
  made.append(...children)
  return made
}

/** How a level's modal label stands to the given and the suggested one. */
function voteOf(data: GalleryData, row: number, level: number): 'given' | 'suggested' | 'other' {
  const modal = data.modal[row]![level]!
  if (modal === data.given[row]) return 'given'
  return modal === data.suggested[row] ? 'suggested' : 'other'
}

function votes(document: Document, data: GalleryData, row: number): HTMLElement {
  const cells = data.levels.map((level, i) =>
    element(document, 'span', {
      class: `vote ${voteOf(data, row, i)}`,
      title: `${level}: ${className(data, data.modal[row]![i]!)}, ${percent(data.agreement[row]![i]!)}`,
    }),
  )
  return element(document, 'span', { class: 'votes', 'aria-hidden': 'true' }, ...cells)
}

function badges(document: Document, data: GalleryData, row: number): HTMLElement {
  const levels = pieLevels(data, row)
  const marks = [
    ...(data.issue[row] === 1 ? [element(document, 'span', { class: 'badge issue' }, 'label issue')] : []),
    ...(levels > 0
      ? [element(document, 'span', { class: 'badge pie', title: 'PIE at so many levels' }, `PIE × ${levels}`)]
      : []),
    ...data.hints[row]!.map(hint => element(document, 'span', { class: 'badge hint' }, hint)),
  ]
  return element(document, 'span', { class: 'badges' }, ...marks)
}

function picture(document: Document, data: GalleryData, row: number): HTMLElement {
  const source = data.pictures[row]
  if (source === undefined) {
    return element(document, 'span', { class: 'picture absent' }, 'image in pies.parquet')
  }
  return element(document, 'img', {
    class: data.pixelated ? 'picture pixelated' : 'picture',
    src: source,
    alt: '',
    decoding: 'async',
  })
}

/** The suspect in one sentence, for people who hear the page. */
export function describe(data: GalleryData, row: number): string {
  const levels = pieLevels(data, row)
  const kind = [
    ...(data.issue[row] === 1 ? ['label issue'] : []),
    ...(levels > 0 ? [`PIE at ${levels} of ${data.levels.length - 1} levels`] : []),
    ...data.hints[row]!,
  ]
  const suggestion =
    data.suggested[row] === data.given[row]
      ? 'label confirmed'
      : `suggested ${className(data, data.suggested[row]!)}`
  return `${data.id[row]}: given ${className(data, data.given[row]!)}, ${suggestion} at ${percent(data.suggestedProbability[row]!)}, label quality ${fraction(data.labelQuality[row]!)}; ${kind.join(', ')}`
}

/** The given and the suggested label with its probability. */
function verdict(document: Document, data: GalleryData, row: number): HTMLElement {
  const given = element(document, 'bdi', { class: 'given' }, className(data, data.given[row]!))
  const suggested = element(document, 'bdi', { class: 'suggested' }, className(data, data.suggested[row]!))
  const probability = element(
    document,
    'span',
    { class: 'probability' },
    percent(data.suggestedProbability[row]!),
  )
  const arrow = element(document, 'span', { class: 'arrow' }, '→')
  return element(document, 'span', { class: 'verdict' }, given, ' ', arrow, ' ', suggested, ' ', probability)
}

function qualityMeter(document: Document, data: GalleryData, row: number): HTMLElement {
  const quality = data.labelQuality[row]!
  return element(
    document,
    'span',
    { class: 'quality' },
    'quality ',
    element(document, 'meter', { min: 0, max: 1, value: quality ?? 0, 'aria-hidden': 'true' }),
    ' ',
    fraction(quality),
  )
}

function card(document: Document, data: GalleryData, row: number): HTMLElement {
  const button = element(
    document,
    'button',
    { type: 'button', class: 'card', 'data-row': row, title: describe(data, row) },
    picture(document, data, row),
    verdict(document, data, row),
    qualityMeter(document, data, row),
    element(document, 'span', { class: 'marks' }, badges(document, data, row), votes(document, data, row)),
  )
  return element(document, 'li', {}, button)
}

/** The text of an example, if it has one. */
function excerpt(document: Document, data: GalleryData, row: number): HTMLElement[] {
  const text = data.texts?.[row]
  return text === undefined ? [] : [element(document, 'p', { class: 'text', dir: 'auto' }, text)]
}

function tableRow(document: Document, data: GalleryData, row: number): HTMLElement {
  const open = element(
    document,
    'button',
    { type: 'button', class: 'open', 'data-row': row, 'aria-label': describe(data, row) },
    element(document, 'bdi', {}, data.id[row]!),
  )
  const cell = (...content: (Node | string)[]) => element(document, 'td', {}, ...content)
  const number = (text: string) => element(document, 'td', { class: 'number' }, text)
  return element(
    document,
    'tr',
    {},
    element(document, 'th', { scope: 'row' }, open, ...excerpt(document, data, row)),
    cell(element(document, 'bdi', {}, className(data, data.given[row]!))),
    cell(element(document, 'bdi', {}, className(data, data.suggested[row]!))),
    number(percent(data.suggestedProbability[row]!)),
    number(fraction(data.labelQuality[row]!)),
    number(fraction(data.disagreement[row]!)),
    cell(votes(document, data, row)),
    cell(badges(document, data, row)),
  )
}

/** These suspects: an ordered list of cards, or the body of a table. */
export function suspectElements(document: Document, data: GalleryData, rows: readonly number[]): HTMLElement {
  if (data.form === 'pictures') {
    return element(document, 'ol', { class: 'cards' }, ...rows.map(row => card(document, data, row)))
  }
  const heads = [
    'Example',
    'Given',
    'Suggested',
    'Probability',
    'Label quality',
    'Disagreement',
    'Votes',
    'Kind',
  ]
  const numeric = new Set(['Probability', 'Label quality', 'Disagreement'])
  return element(
    document,
    'table',
    { class: 'suspects' },
    element(document, 'caption', {}, 'Suspects'),
    element(
      document,
      'thead',
      {},
      element(
        document,
        'tr',
        {},
        ...heads.map(head =>
          element(document, 'th', { scope: 'col', class: numeric.has(head) ? 'number' : undefined }, head),
        ),
      ),
    ),
    element(document, 'tbody', {}, ...rows.map(row => tableRow(document, data, row))),
  )
}

/** Everything the report knows of a suspect, for the dialog. */
function details(document: Document, data: GalleryData, row: number): HTMLElement {
  const facts: [string, Node | string][] = [
    ['Example', element(document, 'code', {}, data.id[row]!)],
    ['Split', data.split[row]!],
    ['Given label', element(document, 'bdi', {}, className(data, data.given[row]!))],
    ['Suggested label', element(document, 'bdi', {}, className(data, data.suggested[row]!))],
    ['Its probability', percent(data.suggestedProbability[row]!)],
    ['Label quality', fraction(data.labelQuality[row]!)],
    ['Disagreement', fraction(data.disagreement[row]!)],
  ]
  const list = element(
    document,
    'dl',
    {},
    ...facts.flatMap(([term, value]) => [
      element(document, 'dt', {}, term),
      element(document, 'dd', {}, value),
    ]),
  )
  const levelRows = data.levels.map((level, i) =>
    element(
      document,
      'tr',
      {},
      element(document, 'th', { scope: 'row' }, level),
      element(
        document,
        'td',
        {},
        element(document, 'span', { class: `vote ${voteOf(data, row, i)}`, 'aria-hidden': 'true' }),
        ' ',
        element(document, 'bdi', {}, className(data, data.modal[row]![i]!)),
      ),
      element(document, 'td', { class: 'number' }, percent(data.agreement[row]![i]!)),
      element(document, 'td', {}, data.pie[row]![i] === 1 ? 'PIE' : ''),
    ),
  )
  const heads = ['Level', 'Modal label', 'Agreement', ''].map(head =>
    element(document, 'th', { scope: 'col', class: head === 'Agreement' ? 'number' : undefined }, head),
  )
  const voteTable = element(
    document,
    'table',
    {},
    element(document, 'caption', {}, 'Votes of the levels'),
    element(document, 'thead', {}, element(document, 'tr', {}, ...heads)),
    element(document, 'tbody', {}, ...levelRows),
  )
  const features = data.features[row]
  const featureTable =
    features &&
    element(
      document,
      'table',
      {},
      element(document, 'caption', {}, 'Features'),
      element(
        document,
        'tbody',
        {},
        ...features.map((value, i) =>
          element(
            document,
            'tr',
            {},
            element(document, 'th', { scope: 'row' }, data.featureNames[i] ?? String(i)),
            element(document, 'td', { class: 'number' }, String(value)),
          ),
        ),
      ),
    )
  return element(
    document,
    'div',
    { class: 'detail' },
    ...(data.form === 'pictures' ? [picture(document, data, row)] : []),
    element(
      document,
      'div',
      { class: 'facts' },
      element(document, 'h3', { id: 'detail-title' }, verdict(document, data, row)),
      badges(document, data, row),
      ...excerpt(document, data, row),
      list,
      voteTable,
      ...(featureTable ? [featureTable] : []),
    ),
  )
}

/** Brings the gallery of this page to life. */
export function start(document: Document): void {
  const find = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind
  const data = JSON.parse(find('suspects-data').textContent!) as GalleryData
  const controls = {
    given: find<HTMLSelectElement>('filter-given'),
    suggested: find<HTMLSelectElement>('filter-suggested'),
    kind: find<HTMLSelectElement>('filter-kind'),
    hint: find<HTMLSelectElement>('filter-hint'),
    level: find<HTMLSelectElement>('filter-level'),
    order: find<HTMLSelectElement>('filter-order'),
    text: find<HTMLInputElement>('filter-text'),
  }
  const form = find<HTMLFormElement>('filters')
  const gallery = find('gallery')
  const status = find('gallery-status')
  const pager = find('pager')
  const pageInput = find<HTMLInputElement>('page')
  const dialog = find<HTMLDialogElement>('detail')

  let rows: number[] = []
  let page = 0
  let opened = -1

  const pages = () => Math.max(1, Math.ceil(rows.length / pageSize))

  function fillClasses(control: HTMLSelectElement, column: readonly number[]): void {
    const counts = new Map<number, number>()
    for (const index of column) counts.set(index, (counts.get(index) ?? 0) + 1)
    const byName = [...counts].sort(([a], [b]) => byText.compare(className(data, a), className(data, b)))
    control.append(
      ...byName.map(([index, examples]) =>
        element(document, 'option', { value: index }, `${className(data, index)} (${examples})`),
      ),
    )
  }

  /** The hints that occur, most frequent first; without any, no control. */
  function fillHints(): void {
    const counts = new Map<string, number>()
    for (const hint of data.hints.flat()) counts.set(hint, (counts.get(hint) ?? 0) + 1)
    const byCount = [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b, 'en'))
    controls.hint.append(
      ...byCount.map(([hint, examples]) =>
        element(document, 'option', { value: hint }, `${hint} (${examples})`),
      ),
    )
    controls.hint.parentElement!.hidden = counts.size === 0
  }

  function currentFilter(): Filter {
    const index = (control: HTMLSelectElement) => (control.value === '' ? undefined : Number(control.value))
    return {
      given: index(controls.given),
      suggested: index(controls.suggested),
      level: index(controls.level),
      kind: controls.kind.value as Filter['kind'],
      hint: controls.hint.value === '' ? undefined : controls.hint.value,
      order: controls.order.value as Filter['order'],
      text: controls.text.value,
    }
  }

  function show(wanted: number): void {
    page = Math.min(Math.max(0, wanted), pages() - 1)
    const shown = rows.slice(page * pageSize, (page + 1) * pageSize)
    const content =
      shown.length > 0
        ? suspectElements(document, data, shown)
        : element(document, 'p', { class: 'empty' }, 'No suspect fits these filters.')
    gallery.replaceChildren(content)
    // One stop of the tab key for the whole gallery; arrow keys move inside.
    for (const [i, button] of buttons().entries()) button.tabIndex = i === 0 ? 0 : -1
    const first = page * pageSize + 1
    status.textContent =
      rows.length === 0
        ? 'None shown'
        : `${first.toLocaleString('en-US')}–${(first + shown.length - 1).toLocaleString('en-US')} of ${rows.length.toLocaleString('en-US')}`
    pageInput.value = String(page + 1)
    pageInput.max = String(pages())
    find('pages').textContent = `of ${pages().toLocaleString('en-US')}`
    pager.hidden = pages() === 1
    find<HTMLButtonElement>('previous').disabled = page === 0
    find<HTMLButtonElement>('next').disabled = page === pages() - 1
  }

  function apply(): void {
    rows = select(data, currentFilter())
    show(0)
  }

  const buttons = () => [...gallery.querySelectorAll<HTMLButtonElement>('button[data-row]')]

  function focusCard(index: number): void {
    const all = buttons()
    const target = all[Math.min(Math.max(0, index), all.length - 1)]
    if (target === undefined) return
    for (const button of all) button.tabIndex = button === target ? 0 : -1
    target.focus()
  }

  /** Cards in the first row of the grid as it is laid out now. */
  function columns(): number {
    const all = buttons()
    const top = all[0]?.getBoundingClientRect().top
    const next = all.findIndex(button => button.getBoundingClientRect().top !== top)
    return next === -1 ? all.length : next
  }

  function turn(by: number): boolean {
    if (page + by < 0 || page + by >= pages()) return false
    show(page + by)
    return true
  }

  function moveFocus(event: KeyboardEvent): void {
    const all = buttons()
    const index = all.indexOf(event.target as HTMLButtonElement)
    if (index === -1 || event.altKey || event.ctrlKey || event.metaKey) return
    const last = all.length - 1
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key]
    if (step !== undefined) {
      const target = index + step
      if (target < 0) {
        if (turn(-1)) focusCard(buttons().length - 1)
      } else if (target > last && index === last) {
        if (turn(1)) focusCard(0)
      } else focusCard(target)
    } else if (event.key === 'Home') focusCard(0)
    else if (event.key === 'End') focusCard(last)
    else return
    event.preventDefault()
  }

  function open(row: number): void {
    opened = rows.indexOf(row)
    find('detail-content').replaceChildren(details(document, data, row))
    find('detail-place').textContent =
      `${(opened + 1).toLocaleString('en-US')} of ${rows.length.toLocaleString('en-US')}`
    find<HTMLButtonElement>('detail-previous').disabled = opened <= 0
    find<HTMLButtonElement>('detail-next').disabled = opened >= rows.length - 1
    if (!dialog.open) dialog.showModal()
  }

  function step(by: number): void {
    const row = rows[opened + by]
    if (row !== undefined) open(row)
  }

  /** An address such as `#suspects/given=3&suggested=5&kind=issue` sets the filters and comes here. */
  function followAddress(): void {
    const { hash } = document.defaultView!.location
    if (!hash.startsWith('#suspects/')) return
    const wanted = new URLSearchParams(hash.slice('#suspects/'.length))
    form.reset()
    for (const [key, control] of Object.entries(controls)) {
      const value = wanted.get(key)
      if (value === null) continue
      control.value = value
      // A value that the list does not offer leaves a select empty: let everything through instead.
      if (control.value !== value && control instanceof document.defaultView!.HTMLSelectElement) {
        control.selectedIndex = 0
      }
    }
    apply()
    find('suspects').scrollIntoView()
  }

  fillClasses(controls.given, data.given)
  fillClasses(controls.suggested, data.suggested)
  fillHints()
  controls.level.append(
    ...data.levels.map((level, i) => element(document, 'option', { value: i }, level)).slice(1),
  )
  form.hidden = false
  find('needs-script').hidden = true
  form.addEventListener('input', apply)
  form.addEventListener('reset', () => document.defaultView!.setTimeout(apply))
  form.addEventListener('submit', event => event.preventDefault())
  find('previous').addEventListener('click', () => turn(-1) && find('suspects').scrollIntoView())
  find('next').addEventListener('click', () => turn(1) && find('suspects').scrollIntoView())
  pageInput.addEventListener('change', () => show(Math.round(Number(pageInput.value) || 1) - 1))
  gallery.addEventListener('keydown', moveFocus)
  gallery.addEventListener('click', event => {
    const button = (event.target as Element).closest<HTMLElement>('[data-row]')
    if (button) open(Number(button.dataset.row))
  })
  find('detail-previous').addEventListener('click', () => step(-1))
  find('detail-next').addEventListener('click', () => step(1))
  find('detail-close').addEventListener('click', () => dialog.close())
  dialog.addEventListener('keydown', event => {
    if (event.key === 'ArrowLeft') step(-1)
    else if (event.key === 'ArrowRight') step(1)
    else return
    event.preventDefault()
  })
  dialog.addEventListener('click', event => {
    if (event.target === dialog) dialog.close()
  })
  dialog.addEventListener('close', () => {
    // The page may have been left behind while stepping through: bring the suspect last seen into view.
    const target = Math.floor(opened / pageSize)
    if (target !== page) show(target)
    focusCard(opened % pageSize)
  })
  document.defaultView!.addEventListener('hashchange', followAddress)

  apply()
  followAddress()
}

import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Field, Float64, List, vectorFromArray } from 'apache-arrow'
import { beforeAll, describe, expect, test } from 'vitest'
import { failureOf, imageColumns, png, temporaryFolder, vector, writeBytes, writeColumns } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const failure = (dataset: Parameters<typeof failureOf>[0]) => failureOf(dataset, folder)

/** The checksum of a PNG chunk (ISO 3309, as the PNG specification gives it in its appendix). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** A Parquet file of images with some rows changed. */
async function withImages(
  name: string,
  change: (images: { bytes: Uint8Array | null; path: string | null }[], labels: (number | null)[]) => void,
): Promise<string> {
  const { image, label } = await imageColumns(4)
  const images = [...(image[1] as unknown as { bytes: Uint8Array; path: string }[])]
  const labels = [...(label[1] as number[])]
  change(images, labels)
  return writeColumns(at(name), { image: ['image', images], label: ['integer', labels] })
}

describe('images', () => {
  test('undecodable', async () => {
    const path = await withImages('undecodable.parquet', images => {
      images[5] = { bytes: Buffer.from('GIF, not really'), path: null }
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: undecodable.parquet, row 5: this is no image of a known format
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('cut off after the header', async () => {
    const path = await withImages('cut-image.parquet', images => {
      images[2] = { bytes: images[2].bytes!.subarray(0, 60), path: null }
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: cut-image.parquet, row 2: the image cannot be decoded: it is cut off or damaged
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('without bytes', async () => {
    const path = await withImages('null-bytes.parquet', images => {
      images[1] = { bytes: null, path: '0001.png' }
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: null-bytes.parquet, row 1: the image has no bytes
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('of too many pixels, told from the header', async () => {
    // A PNG header that promises 20,000 × 20,000 pixels.
    const bomb = Buffer.from(await png([0]))
    bomb.writeUInt32BE(20_000, 16)
    bomb.writeUInt32BE(20_000, 20)
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29)
    const path = await withImages('bomb.parquet', images => {
      images[4] = { bytes: bomb, path: null }
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: bomb.parquet, row 4: the image has more than 100 million pixels
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('undecodable in a folder', async () => {
    const root = at('folder-undecodable')
    await writeBytes(join(root, 'a', '1.png'), await png([1]))
    await writeBytes(join(root, 'a', '2.png'), 'no image')
    await writeBytes(join(root, 'b', '1.png'), await png([1]))
    await writeBytes(join(root, 'b', '2.png'), await png([2]))
    expect(await failure({ path: root })).toMatchInlineSnapshot(`
      "exit 3: folder-undecodable/a/2.png: this is no image of a known format
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('of a kind that cannot be decoded are not passed over', async () => {
    const root = at('bitmaps')
    await writeBytes(join(root, 'a', '1.png'), await png([1]))
    await writeBytes(join(root, 'b', '1.bmp'), 'BM and so on')
    expect(await failure({ path: root })).toMatchInlineSnapshot(`
      "exit 3: bitmaps/b/1.bmp: this is no image of a known format
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('listed but not there', async () => {
    await writeBytes(at('listed/1.png'), await png([1]))
    const path = await writeBytes(at('listed/labels.csv'), 'path,label\n1.png,a\n1.png,b\n2.png,b\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: listed/labels.csv, row 2: there is no image file 2.png
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test.each(['../secret.png', '/etc/secret.png'])('listed outside the data folder: %s', async image => {
    const path = await writeBytes(at('listed/outside.csv'), `path,label\n1.png,a\n1.png,b\n${image},b\n`)
    expect((await failure({ path })).replace(image, '…')).toMatchInlineSnapshot(`
      "exit 3: listed/outside.csv, row 2: the path … leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
  })

  test('in no class folder', async () => {
    await writeBytes(at('flat/1.png'), await png([1]))
    await writeBytes(at('flat/a/1.png'), await png([1]))
    expect(await failure({ path: at('flat') })).toMatchInlineSnapshot(`
      "exit 3: flat/1.png: the image lies in no class folder
        Images go into one folder a class: <folder>/<class>/<image>."
    `)
  })
})

describe('labels', () => {
  test('missing', async () => {
    const path = await withImages('no-label.parquet', (_, labels) => {
      labels[3] = null
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: no-label.parquet, row 3, key "label": the label is missing
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('missing in a CSV', async () => {
    const path = await writeBytes(at('no-label.csv'), 'x,label\n1,a\n2,\n3,b\n4,b\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: no-label.csv, row 1, key "label": the label is missing
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('in a column of another name', async () => {
    const path = await writeColumns(at('column.parquet'), await imageColumns(3))
    expect(await failure({ path, label: 'lable' })).toMatchInlineSnapshot(`
      "exit 3: column.parquet, key "dataset.label": there is no column "lable"
        Did you mean "label"? The columns are image, label."
    `)
  })

  test('not among the class names', async () => {
    const path = await writeBytes(at('names.csv'), 'x,label\n1,cat\n2,dog\n3,dogg\n4,cat\n')
    expect(await failure({ path, classNames: ['cat', 'dog'] })).toMatchInlineSnapshot(`
      "exit 3: names.csv, row 2, key "label": the label "dogg" is none of the 2 classes
        Did you mean "dog"? The classes are cat, dog."
    `)
  })

  test('beyond the class names', async () => {
    const path = await withImages('beyond.parquet', (_, labels) => {
      labels[6] = 2
    })
    expect(await failure({ path, classNames: ['cat', 'dog'] })).toMatchInlineSnapshot(`
      "exit 3: beyond.parquet, row 6, key "label": the label "2" is none of the 2 classes
        The classes are cat, dog."
    `)
  })

  test('unknown in the test data', async () => {
    const path = await writeBytes(at('known.csv'), 'x,label\n1,a\n2,a\n3,b\n4,b\n')
    const testPath = await writeBytes(at('unknown.csv'), 'x,label\n1,a\n2,c\n')
    expect(await failure({ path, test: testPath })).toMatchInlineSnapshot(`
      "exit 3: unknown.csv, row 1, key "label": the label "c" is none of the 2 classes
        Did you mean "a"? The classes are a, b."
    `)
  })

  test('columns to read that are none', async () => {
    const path = await writeColumns(at('read.parquet'), {
      title: ['text', ['a', 'b', 'c', 'd']],
      embedding: [vector(1), Float32Array.of(1, 2, 3, 4)],
      label: ['text', ['a', 'a', 'b', 'b']],
    })
    expect(await failure({ path, text: ['titel'] })).toMatchInlineSnapshot(`
      "exit 3: read.parquet, key "dataset.text": there is no column "titel"
        Did you mean "title"? The columns are title, embedding, label."
    `)
    expect(await failure({ path, text: 'embedding' })).toMatchInlineSnapshot(`
      "exit 3: read.parquet, key "dataset.text": the column "embedding" holds lists of numbers
        Name columns of text there, or of single numbers."
    `)
  })

  test('unknown among the true labels', async () => {
    const path = await writeBytes(at('truth.csv'), 'x,label,truth\n1,a,a\n2,a,b\n3,b,bb\n4,b,\n')
    expect(await failure({ path, trueLabel: 'truth' })).toMatchInlineSnapshot(`
      "exit 3: truth.csv, row 2, key "truth": the label "bb" is none of the 2 classes
        Did you mean "b"? The classes are a, b."
    `)
  })

  test('of a class without a training example', async () => {
    const path = await writeBytes(at('empty-class.csv'), 'x,label\n1,a\n2,a\n3,b\n4,b\n')
    expect(await failure({ path, classNames: ['a', 'b', 'c'] })).toMatchInlineSnapshot(`
      "exit 3: empty-class.csv, key "dataset.classNames": the class "c" has no training example
        Take the class out of the class names, or add examples of it."
    `)
  })

  test('of a class folder that is empty', async () => {
    const root = at('empty-folder')
    for (const name of ['a', 'b']) {
      for (const image of ['1', '2']) await writeBytes(join(root, name, `${image}.png`), await png([1]))
    }
    await mkdir(join(root, 'c'))
    expect(await failure({ path: root })).toMatchInlineSnapshot(`
      "exit 3: empty-folder, key "dataset.path": the class "c" has no training example
        Take the class out of the class names, or add examples of it."
    `)
  })

  test('of a class all of whose examples are skipped', async () => {
    const path = await withImages('skipped-class.parquet', images => {
      for (const row of [1, 3, 5, 7]) images[row] = { bytes: images[row].bytes!.subarray(0, 60), path: null }
    })
    expect(await failure({ path, onBadExample: 'skip' })).toMatchInlineSnapshot(`
      "exit 3: skipped-class.parquet, key "label": all examples have the label 0
        There is nothing to tell apart: two classes are needed."
    `)
  })

  test('of a single class', async () => {
    const path = await writeBytes(at('single.csv'), 'x,label\n1,a\n2,a\n3,a\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: single.csv, key "label": all examples have the label a
        There is nothing to tell apart: two classes are needed."
    `)
  })

  test('of a single class within the limit', async () => {
    const path = await writeBytes(at('limited.csv'), 'x,label\n1,a\n2,a\n3,b\n')
    expect(await failure({ path, limit: 2 })).toMatchInlineSnapshot(`
      "exit 3: limited.csv, key "label": all examples have the label a
        Only the first 2 rows are read: raise the limit, or shuffle the data."
    `)
  })

  test('all distinct', async () => {
    const path = await writeBytes(at('distinct.csv'), 'x,name\n1,u\n2,v\n3,w\n4,x\n')
    expect(await failure({ path, label: 'name' })).toMatchInlineSnapshot(`
      "exit 3: distinct.csv, key "dataset.label": the column "name" has another value in every row
        Is it an id? Labels are classes that several examples share."
    `)
  })

  test('not whole numbers', async () => {
    const path = await writeColumns(at('regression.parquet'), {
      x: ['float', [1, 2, 3, 4]],
      label: ['float', [0.5, 1, 0.5, 1]],
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: regression.parquet, row 0, key "label": the label 0.5 is no whole number
        Labels are integers or text; a number to be predicted (regression) is neither."
    `)
  })
})

describe('features', () => {
  test('missing', async () => {
    const path = await writeColumns(at('nan.parquet'), {
      x: ['float', [1, 2, null, 4]],
      label: ['integer', [0, 1, 0, 1]],
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: nan.parquet, row 2, key "x": the feature is missing or no number
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('infinite', async () => {
    const path = await writeBytes(at('infinite.csv'), 'x,y,label\n1,1,a\n2,-inf,b\n3,3,b\n4,4,a\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: infinite.csv, row 1, key "y": the feature is -Infinity as a 32-bit float
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('no numbers', async () => {
    const rows = Array.from({ length: 150 }, (_, row) => `${row === 120 ? 'n/a' : row},${'ab'[row % 2]}`)
    const path = await writeBytes(at('words.csv'), `x,label\n${rows.join('\n')}\n`)
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: words.csv, row 120, key "x": the feature is missing or no number
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('of differing number', async () => {
    const list = vectorFromArray([[1, 2], [3], [4, 5]], new List(new Field('item', new Float64(), true)))
    const path = await writeColumns(at('ragged.parquet'), {
      x: [list.type, list.data[0]],
      label: ['integer', [0, 1, 0]],
    })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: ragged.parquet, row 1: the row has 1 features, others have 2
        Every row needs the same number of features."
    `)
  })

  test('of another name', async () => {
    const path = await writeBytes(at('feature-name.csv'), 'width,height,label\n1,2,a\n2,2,b\n')
    expect(await failure({ path, features: ['width', 'heigth'] })).toMatchInlineSnapshot(`
      "exit 3: feature-name.csv, key "dataset.features": there is no column "heigth"
        Did you mean "height"? The columns are width, height, label."
    `)
  })

  test('of text', async () => {
    const path = await writeBytes(at('text.csv'), 'name,label\nu,a\nv,b\nw,a\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: text.csv: there is neither an image column nor a numeric one to learn from
        The columns are name (text), label (text).
        Texts need embeddings beside them: docs/not-only-images.md."
    `)
    expect(await failure({ path, features: ['name'] })).toMatchInlineSnapshot(
      `"exit 3: text.csv, key "dataset.features": the column "name" is not numeric"`,
    )
  })

  test('that give the label away', async () => {
    const path = await writeBytes(at('leak.csv'), 'x,label,truth\n1,0,0\n2,1,1\n3,0,1\n4,1,1\n')
    expect(await failure({ path, features: ['x', 'label'] })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.features": the column "label" is what networks are to predict, not to learn from
        Take it out of the features."
    `)
    expect(await failure({ path, trueLabel: 'truth', features: ['x', 'truth'] })).toContain('"truth"')
    expect(await failure({ path, image: 'x', features: ['x'] })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.features": both an image column and features are named
        Leave one of them out."
    `)
  })
})

describe('ids', () => {
  test('that are not unique', async () => {
    const path = await writeBytes(at('ids.csv'), 'id,x,label\nu,1,a\nv,2,b\nw,3,a\nv,4,b\n')
    expect(await failure({ path, id: 'id' })).toMatchInlineSnapshot(`
      "exit 3: ids.csv, row 3, key "dataset.id": the id is also that of row 1 of ids.csv
        Ids tell examples apart: every example of the training and test data needs its own."
    `)
  })

  test('that are missing', async () => {
    const path = await writeBytes(at('no-id.csv'), 'id,x,label\nu,1,a\n,2,b\nw,3,a\n')
    expect(await failure({ path, id: 'id' })).toMatchInlineSnapshot(`
      "exit 3: no-id.csv, row 1, key "id": the id is missing
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })
})

describe('files', () => {
  test.each(['parquet', 'arrow'])('%s, cut off', async format => {
    const { image, label } = await imageColumns(50)
    const whole = await readFile(await writeColumns(at(`whole.${format}`), { image, label }))
    const path = await writeBytes(at(`cut.${format}`), whole.subarray(0, whole.length / 2))
    const message = await failure({ path })
    expect(message).toContain(`exit 3: cut.${format}: not a whole `)
    expect(message).toContain('\n  The file may be cut off or damaged: fetch or write it again.')
  })

  test('Parquet with damage inside', async () => {
    const { image, label } = await imageColumns(50)
    const bytes = Buffer.from(await readFile(await writeColumns(at('whole.parquet'), { image, label })))
    bytes.fill(0xff, 40, 400)
    const message = await failure({
      path: await writeBytes(at('damaged.parquet'), bytes),
      onBadExample: 'skip',
    })
    expect(message).toContain('exit 3: damaged.parquet: not a whole Parquet file')
  })

  test('CSV rows of another length', async () => {
    const path = await writeBytes(at('ragged.csv'), 'x,y,label\n1,2,a\n3,b\n4,5,a\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: ragged.csv, row 1: the row has more or fewer fields than the header
        Every row needs as many fields as the header; quotes within a quoted field are doubled."
    `)
  })

  test('CSV cut off within a quote', async () => {
    const path = await writeBytes(at('quote.csv'), 'x,label\n1,"a"\n2,"b"\n3,"a')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: quote.csv, row 2: a quote is opened and never closed: the file may be cut off
        Every row needs as many fields as the header; quotes within a quoted field are doubled."
    `)
  })

  test('CSV in other encodings', async () => {
    const latin = Buffer.from('x,label\n1,Hündchen\n2,b\n', 'latin1')
    expect(await failure({ path: await writeBytes(at('latin.csv'), latin) })).toMatchInlineSnapshot(`
      "exit 3: latin.csv, row 0: the label is "H�ndchen": the file is not UTF-8
        Save it as UTF-8; spreadsheets call that “CSV UTF-8”."
    `)
    const header = Buffer.from('größe,label\n1,a\n2,b\n', 'latin1')
    expect(await failure({ path: await writeBytes(at('header-latin.csv'), header) })).toMatchInlineSnapshot(`
      "exit 3: header-latin.csv: a column is named "gr��e": the file is not UTF-8
        Save it as UTF-8; spreadsheets call that “CSV UTF-8”."
    `)
    const wide = Buffer.from('\uFEFFx,label\n1,a\n2,b\n', 'utf16le')
    expect(await failure({ path: await writeBytes(at('wide.csv'), wide) })).toMatchInlineSnapshot(`
      "exit 3: wide.csv: the file is UTF-16
        Save it as UTF-8; spreadsheets call that “CSV UTF-8”."
    `)
  })

  test('CSV with two columns of one name', async () => {
    const path = await writeBytes(at('twice.csv'), 'x,x,label\n1,2,a\n3,4,b\n')
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: twice.csv: two columns are named "x"
        Rename one of them."
    `)
  })

  test('without rows', async () => {
    expect(await failure({ path: await writeBytes(at('empty.csv'), '') })).toMatchInlineSnapshot(
      `"exit 3: empty.csv: the file is empty"`,
    )
    expect(
      await failure({ path: await writeBytes(at('header.csv'), 'x,label\n'), features: ['x'] }),
    ).toMatchInlineSnapshot(`"exit 3: header.csv: there is a header, and no row"`)
    const path = await writeColumns(at('empty.parquet'), { image: ['image', []], label: ['integer', []] })
    expect(await failure({ path })).toMatchInlineSnapshot(`"exit 3: empty.parquet: the data set is empty"`)
  })

  test('all of whose examples are bad', async () => {
    const path = await writeBytes(at('all-bad.csv'), 'x,label\n1,\n2,\n')
    expect(await failure({ path, onBadExample: 'skip' })).toMatchInlineSnapshot(
      `"exit 3: all-bad.csv: every example of the data set is bad"`,
    )
  })

  test('not there', async () => {
    expect(await failure({ path: at('nowhere.parquet') })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.path": there is no file or folder nowhere.parquet
        Paths are relative to the folder of the pipeline file."
    `)
    expect(await failure({ path: at('nowhere-*.parquet') })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.path": no file matches nowhere-*.parquet
        Check the pattern."
    `)
  })

  test('of unknown format', async () => {
    expect(await failure({ path: await writeBytes(at('data.xlsx'), 'PK') })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.path": the format of data.xlsx cannot be told from its name
        Set \`dataset.format\` to one of parquet, arrow, csv, folder, cifar, idx, npy, celeba, coco, label-studio, imagefolder."
    `)
  })

  test('shards of other columns', async () => {
    await writeBytes(at('shards/1.csv'), 'x,label\n1,a\n2,b\n')
    await writeBytes(at('shards/2.csv'), 'y,label\n3,a\n4,b\n')
    expect(await failure({ path: at('shards/*.csv') })).toMatchInlineSnapshot(`
      "exit 3: shards/2.csv: the shard has other columns than 1.csv: y, label
        All shards need the columns x, label."
    `)
  })

  test('test data that lack a column', async () => {
    const path = await writeBytes(at('columns.csv'), 'x,y,label\n1,2,a\n2,3,b\n3,4,a\n')
    const testPath = await writeBytes(at('fewer.csv'), 'x,label\n1,a\n2,b\n')
    expect(await failure({ path, test: testPath })).toMatchInlineSnapshot(`
      "exit 3: fewer.csv, key "dataset.features": there is no column "y"
        Did you mean "x"? The columns are x, label."
    `)
  })
})
